#include "ops/lstm_cell.h"

#include <vector>

#include "engine/gemm.h"
#include "engine/parallel.h"
#include "ops/linear.h"
#include "ops/math.h"

namespace lspt {

std::pair<Var, Var> lstm_cell(const Var& s, const Var& h, const Var& c, const Var& w_ih,
                              const Var& w_hh, const Var& b_ih, const Var& b_hh) {
  const int64_t rows = s.dim(0), hidden = w_hh.dim(-1);
  const Shape state{rows, hidden}, bias{4 * hidden};
  require(s.value.rank() == 2 && w_ih.shape() == Shape{4 * hidden, s.dim(1)} &&
              w_hh.shape() == Shape{4 * hidden, hidden},
          "lstm_cell: weights ", w_ih.shape(), " and ", w_hh.shape(), " for input ", s.shape());
  require(w_ih.dtype() == s.dtype() && w_hh.dtype() == s.dtype(),
          "lstm_cell: weights are not in the input's dtype, ", name_of(s.dtype()));
  require(b_ih.shape() == bias && b_hh.shape() == bias, "lstm_cell: biases ", b_ih.shape(), " and ",
          b_hh.shape(), ", expected ", bias);
  require(!h || (h.shape() == state && h.dtype() == s.dtype()), "lstm_cell: h ", h.shape(),
          ", expected ", name_of(s.dtype()), " ", state);
  require(!c || (c.shape() == state && c.dtype() == DType::f32), "lstm_cell: c ", c.shape(),
          ", expected f32 ", state);

  const Tensor a({rows, 4 * hidden}, DType::f32, s.device());
  gemm(a, s.value, false, w_ih.value, true, {.pack_b = true});
  if (h) gemm(a, h.value, false, w_hh.value, true, {.beta = 1.0f, .pack_b = true});
  const Tensor gates = s.dtype() == DType::f32 ? a : Tensor(a.shape(), s.dtype(), s.device());
  Var next_h(Tensor(state, s.dtype(), s.device())), next_c(Tensor(state, DType::f32, s.device()));
  lstm_forward(next_h.value, next_c.value, gates, a, b_ih.value, b_hh.value, c.value);
  if (!recording({&s, &h, &c, &w_ih, &w_hh, &b_ih, &b_hh})) return {next_h, next_c};

  record("lstm_cell", {&s, &h, &c, &w_ih, &w_hh, &b_ih, &b_hh}, {&next_h, &next_c},
         [s_ = s.value, h_ = h.value, c_ = c.value, w_ih_ = w_ih.value, w_hh_ = w_hh.value,
          after = next_c.value, gates](Backward& b) {
           const Tensor da(gates.shape(), gates.dtype(), gates.device());
           const Tensor dc = b.wanted(2) ? Tensor(c_.shape(), DType::f32, c_.device()) : Tensor();
           lstm_backward(da, dc, b.grad(0), b.grad(1), gates, after, c_);
           if (dc) b.add(2, dc);
           const auto times_weight = [&](size_t input, const Tensor& weight) {
             if (!b.wanted(input)) return;
             const auto [dx, beta] = b.into(input);
             gemm(dx, da, false, weight, false, {.beta = beta, .pack_b = true});
           };
           const auto times_input = [&](size_t input, const Tensor& x) {
             if (!b.wanted(input) || !x) return;
             const auto [dw, beta] = b.into(input);
             gemm(dw, da, true, x, false, {.beta = beta});
           };
           times_weight(0, w_ih_);
           times_weight(1, w_hh_);
           times_input(3, s_);
           times_input(4, h_);
           if (b.wanted(5) || b.wanted(6)) {
             const Tensor db({da.cols()}, DType::f32, da.device());
             column_sum(db, da, 0.0f);
             b.add(5, db);
             b.add(6, db);
           }
         });
  return {next_h, next_c};
}

namespace cpu {

constexpr int64_t kRows = 4;  // rows a piece owns

// The loops below read and write up to ten arrays: ivdep stands for the overlap checks that the
// compiler gives up on. (omp simd does too, but then g++ 12 does not vectorise stores of bf16.)

void lstm_forward(const Tensor& h, const Tensor& c, const Tensor& gates, const Tensor& a,
                  const Tensor& b_ih, const Tensor& b_hh, const Tensor& previous) {
  const int64_t rows = c.dim(0), width = c.dim(1);
  const std::vector<float> zeros(previous ? 0 : static_cast<size_t>(width));
  std::vector<float> bias = b_ih.to_vector();
  const float* more = b_hh.data<float>();
  for (size_t j = 0; j < bias.size(); ++j) bias[j] += more[j];
  dispatch(h.dtype(), [&]<typename T>() {
    parallel_for(rows, kRows, [&](int64_t begin, int64_t end) {
      const float *bi = bias.data(), *bf = bi + width, *bg = bf + width, *bo = bg + width;
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
    parallel_for(rows, kRows, [&](int64_t begin, int64_t end) {
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
