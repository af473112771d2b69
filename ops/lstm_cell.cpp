#include "ops/lstm_cell.h"

#include <algorithm>
#include <vector>

#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/narrow.h"
#include "engine/parallel.h"
#include "engine/sum_rows.h"
#include "ops/add.h"
#include "ops/linear.h"
#include "ops/math.h"
#include "ops/tokens.h"

namespace lspt {

struct LstmSteps {
  int64_t most = 0, made = 0;  // steps after the first, whose h is none and who stands apart
  Tensor x, da;                // (most, M, D + H) and (most, M, 4H)
  std::vector<bool> reached;   // by backward
  Tensor first_s, first_da;
};

namespace {

/// Rows of all steps that were made, one below the other.
Tensor rows_of(const Tensor& steps, int64_t made) {
  return steps.slice(0, made).reshape({made * steps.dim(1), steps.dim(2)});
}

enum WeightInput { kWih, kWhh, kBih, kBhh };

/// The gradients of all steps' weights.
void weights_backward(Backward& b, LstmSteps& steps, const Shape& w_shape) {
  const int64_t gates = w_shape[0], width = w_shape[1], hidden = gates / 4;
  Tensor db;
  if (steps.da) {
    for (int64_t i = 0; i < steps.made; ++i)
      if (const Tensor da = steps.da.slice(i, i + 1); !steps.reached[static_cast<size_t>(i)])
        memory::zero(da.raw(), da.nbytes(), da.device());
    const Tensor da = rows_of(steps.da, steps.made);
    if (b.wanted(kWih) || b.wanted(kWhh)) {
      const Tensor dw(w_shape, DType::f32, da.device());
      gemm(dw, da, true, rows_of(steps.x, steps.made), false);
      for (const WeightInput input : {kWih, kWhh})
        if (b.wanted(input)) {
          const auto [part, beta] = b.into(input);
          copy_columns(part, 0, beta, dw, input == kWih ? 0 : width - hidden, part.cols());
        }
    }
    if (b.wanted(kBih) || b.wanted(kBhh)) {
      db = Tensor({gates}, DType::f32, da.device());
      column_sum(db, da, 0.0f);
    }
  }
  if (const Tensor da = steps.first_da; da) {
    if (b.wanted(kWih)) {
      const auto [dw, beta] = b.into(kWih);
      gemm(dw, da, true, steps.first_s, false, {.beta = beta});
    }
    if (b.wanted(kBih) || b.wanted(kBhh)) {
      const float beta = db ? 1.0f : 0.0f;
      if (!db) db = Tensor({gates}, DType::f32, da.device());
      column_sum(db, da, beta);
    }
  }
  if (!db) return;
  b.add(kBih, db);
  b.add(kBhh, db);
}

}  // namespace

LstmWeights lstm_weights(const Var& w_ih, const Var& w_hh, const Var& b_ih, const Var& b_hh,
                         int64_t steps) {
  const int64_t hidden = w_hh.dim(-1), width = w_ih.dim(-1) + hidden;
  const Shape bias{4 * hidden};
  require(w_ih.value.rank() == 2 && w_ih.dim(0) == 4 * hidden &&
              w_hh.shape() == Shape{4 * hidden, hidden} && w_ih.dtype() == w_hh.dtype(),
          "lstm_weights: w_ih ", w_ih.shape(), " and w_hh ", w_hh.shape());
  require(b_ih.shape() == bias && b_hh.shape() == bias, "lstm_weights: biases ", b_ih.shape(),
          " and ", b_hh.shape(), ", expected ", bias);
  const Tensor w({4 * hidden, width}, w_ih.dtype(), w_ih.device());
  copy_columns(w, 0, 0.0f, w_ih.value, 0, width - hidden);
  copy_columns(w, width - hidden, 0.0f, w_hh.value, 0, hidden);
  const Tensor sum(bias, DType::f32, w.device());
  add_forward(sum, b_ih.value, b_hh.value, 1);
  LstmWeights made{w_ih.value, w, sum, nullptr};
  if (!recording({&w_ih, &w_hh, &b_ih, &b_hh})) return made;
  made.steps = std::make_shared<LstmSteps>();
  made.steps->most = steps;
  // Recorded before the steps, hence run after them.
  record_sum("lstm_weights", {&w_ih, &w_hh, &b_ih, &b_hh},
             [steps_ = made.steps, shape = w.shape()](Backward& b) {
               weights_backward(b, *steps_, shape);
             });
  return made;
}

std::pair<Var, Var> lstm_cell(const LstmInput& s, const Var& h, const Var& c,
                              const LstmWeights& weights) {
  const Tensor &w = weights.w, &w_ih = weights.w_ih;
  const int64_t images = s.images(), inputs = w_ih.dim(1), hidden = w.dim(0) / 4;
  const int64_t rows = images * (s.end - s.begin);
  const Shape state{rows, hidden};
  const DType type = s.x.dtype();
  const Device device = s.x.device();
  require(s.x.dim(-1) == inputs && w.dtype() == type, "lstm_cell: weights ", w_ih.shape(), " ",
          name_of(w.dtype()), " for input ", s.x.shape(), " ", name_of(type));
  require(0 <= s.begin && s.begin < s.end && s.end <= s.x.dim(-2), "lstm_cell: rows [", s.begin,
          ", ", s.end, ") of ", s.x.shape());
  require(!s.mean || (s.mean.shape() == Shape{images, 1, inputs} && s.mean.dtype() == type),
          "lstm_cell: mean ", s.mean.shape(), " for ", s.x.shape());
  require(!h || (h.shape() == state && h.dtype() == type), "lstm_cell: h ", h.shape(),
          ", expected ", name_of(type), " ", state);
  require(!c || (c.shape() == state && c.dtype() == DType::f32), "lstm_cell: c ", c.shape(),
          ", expected f32 ", state);

  // Where the weights' gradients are wanted, [s | h] is this step's part of what all steps keep.
  LstmSteps* const steps = weights.steps.get();
  const bool records = steps || recording({&s.x, &s.mean, &h, &c});
  const Tensor a({rows, 4 * hidden}, DType::f32, device);
  int64_t index = -1;  // the first step has no place in the row of the others
  if (!h) {
    Tensor x = s.x.value;
    if (x.rank() == 3) {
      x = Tensor({rows, inputs}, type, device);
      lstm_input(x, s.x.value, s.begin, s.mean.value, Tensor());
    }
    if (steps) steps->first_s = x;
    gemm(a, x, false, w_ih, true, {.pack_b = true});
  } else {
    Tensor x;
    if (steps) {
      index = steps->made++;
      if (!steps->x) steps->x = Tensor({steps->most, rows, inputs + hidden}, type, device);
      require(index < steps->most && steps->x.dim(1) == rows, "lstm_cell: step ", index + 1, " of ",
              rows, " rows, at most ", steps->most, " of ", steps->x.dim(1), " expected");
      steps->reached.push_back(false);
      x = steps->x.slice(index, index + 1).reshape({rows, inputs + hidden});
    } else {
      x = Tensor({rows, inputs + hidden}, type, device);
    }
    lstm_input(x, s.x.value, s.begin, s.mean.value, h.value);
    gemm(a, x, false, w, true, {.pack_b = true});
  }
  const Tensor gates = type == DType::f32 ? a : Tensor(a.shape(), type, device);
  Var next_h(Tensor(state, type, device)), next_c(Tensor(state, DType::f32, device));
  lstm_forward(next_h.value, next_c.value, gates, a, weights.bias, c.value);
  if (!records) return {next_h, next_c};

  enum StepInput { kX, kMean, kH, kC };
  record(
      "lstm_cell", {&s.x, &s.mean, &h, &c}, {&next_h, &next_c},
      [steps_ = weights.steps, index, w, w_ih, c_ = c.value, after = next_c.value, gates,
       begin = s.begin, images](Backward& b) {
        const Shape shape = gates.shape();
        Tensor da;
        if (steps_ && index >= 0) {
          if (!steps_->da)
            steps_->da = Tensor({steps_->made, shape[0], shape[1]}, gates.dtype(), gates.device());
          da = steps_->da.slice(index, index + 1).reshape(shape);
          steps_->reached[static_cast<size_t>(index)] = true;
        } else {
          da = Tensor(shape, gates.dtype(), gates.device());
          if (steps_) steps_->first_da = da;
        }
        const Tensor dc = b.wanted(kC) ? Tensor(c_.shape(), DType::f32, c_.device()) : Tensor();
        lstm_backward(da, dc, b.grad(0), b.grad(1), gates, after, c_);
        if (dc) b.add(kC, dc);
        if (!b.wanted(kX) && !b.wanted(kMean) && !b.wanted(kH)) return;

        const Tensor& weight = index < 0 && !b.wanted(kH) ? w_ih : w;
        const Tensor ds_dh({shape[0], weight.dim(1)}, da.dtype(), da.device());
        gemm(ds_dh, da, false, weight, false, {.pack_b = true});
        const auto into = [&](StepInput input) {
          return b.wanted(input) ? b.into(input) : Backward::Sum{};
        };
        if (const auto [dmean, beta] = into(kMean); dmean) {
          const int64_t each = shape[0] / images;
          sum_rows(dmean, beta, 1.0f, ds_dh,
                   Rows{.groups = images,
                        .group_stride = each * ds_dh.cols(),
                        .rows = each,
                        .row_stride = ds_dh.cols()},
                   "lstm_mean_backward");
        }
        const auto [dx, beta_x] = into(kX);
        if (dx && beta_x == 0.0f) memory::zero(dx.raw(), dx.nbytes(), dx.device());
        const auto [dh, beta_h] = into(kH);
        if (dx || dh) lstm_input_backward(dx, begin, dh, beta_h, ds_dh);
      });
  return {next_h, next_c};
}

namespace cpu {

constexpr int64_t kRowGrain = 4;  // rows a piece owns

// The loops below read and write up to ten arrays: ivdep stands for the overlap checks that the
// compiler gives up on. (omp simd does too, but then g++ 12 does not vectorise stores of bf16.)

void lstm_forward(const Tensor& h, const Tensor& c, const Tensor& gates, const Tensor& a,
                  const Tensor& bias, const Tensor& previous) {
  const int64_t rows = c.dim(0), width = c.dim(1);
  const std::vector<float> zeros(previous ? 0 : static_cast<size_t>(width));
  dispatch(h.dtype(), [&]<typename T>() {
    parallel_for(rows, kRowGrain, [&](int64_t begin, int64_t end) {
      const float *bi = bias.data<float>(), *bf = bi + width, *bg = bf + width, *bo = bg + width;
      for (int64_t row = begin; row < end; ++row) {
        const float* ai = a.data<float>() + row * 4 * width;
        const float *af = ai + width, *ag = af + width, *ao = ag + width;
        const float* before = previous ? previous.data<float>() + row * width : zeros.data();
        T* gi = gates.data<T>() + row * 4 * width;
        T *gf = gi + width, *gg = gf + width, *go = gg + width;
        float* cell = c.data<float>() + row * width;
        T* out = h.data<T>() + row * width;
#pragma GCC ivdep
        for (int64_t j = 0; j < width; ++j) {
          const float i = sigmoid(ai[j] + bi[j]), f = sigmoid(af[j] + bf[j]);
          const float g = tanh_approx(ag[j] + bg[j]), o = sigmoid(ao[j] + bo[j]);
          const float now = f * before[j] + i * g;
          cell[j] = now;
          out[j] = o * tanh_approx(now);
          gi[j] = i;
          gf[j] = f;
          gg[j] = g;
          go[j] = o;
        }
      }
    });
  });
}

void lstm_backward(const Tensor& da, const Tensor& dprevious, const Tensor& dh, const Tensor& dc,
                   const Tensor& gates, const Tensor& c, const Tensor& previous) {
  const int64_t rows = c.dim(0), width = c.dim(1);
  dispatch(da.dtype(), [&]<typename T>() {
    const std::vector<float> zeros(static_cast<size_t>(width));
    const std::vector<T> no_dh(static_cast<size_t>(width), T(0.0f));
    parallel_for(rows, kRowGrain, [&](int64_t begin, int64_t end) {
      std::vector<float> unused(static_cast<size_t>(width));
      const auto row_of = [&](const Tensor& x, int64_t row) -> const float* {
        return x ? x.data<float>() + row * width : zeros.data();
      };
      for (int64_t row = begin; row < end; ++row) {
        const T* gi = gates.data<T>() + row * 4 * width;
        const T *gf = gi + width, *gg = gf + width, *go = gg + width;
        const T* dout = dh ? dh.data<T>() + row * width : no_dh.data();
        const float *dcell = row_of(dc, row), *before = row_of(previous, row);
        const float* cell = row_of(c, row);
        T* di = da.data<T>() + row * 4 * width;
        T *df = di + width, *dg = df + width, *d_o = dg + width;
        float* dbefore = dprevious ? dprevious.data<float>() + row * width : unused.data();
#pragma GCC ivdep
        for (int64_t j = 0; j < width; ++j) {
          const float i = gi[j], f = gf[j], g = gg[j], o = go[j];
          const float t = tanh_approx(cell[j]), dy = dout[j];
          const float d = dcell[j] + dy * o * (1.0f - t * t);
          di[j] = d * g * i * (1.0f - i);
          df[j] = d * before[j] * f * (1.0f - f);
          dg[j] = d * i * (1.0f - g * g);
          d_o[j] = dy * t * o * (1.0f - o);
          dbefore[j] = d * f;
        }
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
