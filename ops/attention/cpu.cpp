// Attention on the CPU. A thread works for one head of one image at a time: it copies that head's
// rows together (they lie strided in packed projections), so that scores and sums are small dense
// products, which oneDNN computes faster than anything written here. Scores of one head, keys times
// queries, are the only thing of that size, once a thread; the backward pass computes them again
// from what is kept, log sum exp of each row, instead of keeping them for all heads.
#include <algorithm>
#include <cmath>

#include "engine/gemm.h"
#include "engine/narrow.h"
#include "engine/parallel.h"
#include "ops/attention/attention.h"
#include "ops/math.h"

namespace lspt::cpu {
namespace {

/// Sizes, and where the rows of one head of one image are.
template <typename T>
struct Heads {
  explicit Heads(const AttentionInputs& in)
      : inputs(in),
        batch(in.qkv.dim(0)),
        tokens(in.qkv.dim(1)),
        width(in.qkv.dim(2) / (in.query ? 2 : 3)),
        depth(width / in.heads),
        queries(in.query ? in.query.dim(1) : tokens),
        prompts(in.prompt ? in.prompt.dim(-2) : 0),
        keys(prompts + tokens),
        padded((keys + 15) / 16 * 16) {
    const float t = in.temperature ? in.temperature.data<float>()[in.temperature_index] : 1.0f;
    temperature = std::clamp(t, 0.01f, 10.0f);
    clamped = temperature != t;
    scale = 1.0f / (std::sqrt(static_cast<float>(depth)) * temperature);
  }

  /// Row pitch and first element of queries (part 0), keys (1) or values (2) of tokens in a tensor
  /// laid out like qkv (or, with a separate query, like query and kv).
  T* part(const Tensor& qkv, const Tensor& query, int which, int64_t image, int64_t head,
          int64_t& pitch) const {
    const bool separate = static_cast<bool>(inputs.query);
    const bool own = separate && which == 0;
    pitch = own ? width : (separate ? 2 : 3) * width;
    const int64_t rows = own ? queries : tokens;
    T* base = (own ? query : qkv).template data<T>();
    const int64_t column = own ? 0 : (separate ? which - 1 : which) * width;
    return base + image * rows * pitch + column + head * depth;
  }

  /// Copies one head's rows together: `to` (rows, depth), prompts first for keys and values, and
  /// zeros after them up to `padded`.
  void gather(const Tensor& to, int which, int64_t image, int64_t head) const {
    T* out = to.template data<T>();
    if (which > 0 && prompts > 0) {
      const int64_t shared = inputs.prompt.rank() == 2 ? 0 : image * prompts * 2 * width;
      const T* from =
          inputs.prompt.template data<T>() + shared + (which - 1) * width + head * depth;
      for (int64_t i = 0; i < prompts; ++i, out += depth)
        std::copy_n(from + i * 2 * width, depth, out);
    }
    int64_t pitch = 0;
    const T* from = part(inputs.qkv, inputs.query, which, image, head, pitch);
    const int64_t rows = which == 0 ? queries : tokens;
    for (int64_t i = 0; i < rows; ++i, out += depth) std::copy_n(from + i * pitch, depth, out);
    if (which > 0) std::fill_n(out, (padded - keys) * depth, T(0.0f));
  }

  const AttentionInputs& inputs;
  int64_t batch, tokens, width, depth, queries, prompts, keys;
  int64_t padded;  // keys rounded up to whole vectors; what is beyond keys is zero and stays out
  float temperature, scale;
  bool clamped;
};

/// Runs body(image, head, room) for every head, spread over the threads; room, from make(), is a
/// thread's own.
template <typename T, typename Make, typename Body>
void for_each_head(const Heads<T>& h, const Make& make, const Body& body) {
  parallel_for(h.batch * h.inputs.heads, 1, make, [&](int64_t begin, int64_t end, auto& room) {
    for (int64_t i = begin; i < end; ++i) body(i / h.inputs.heads, i % h.inputs.heads, room);
  });
}

/// p = exp((s - max s) scale); returns max s and the sum of p. `row` is room for a row. From
/// `count` to `padded` s is overwritten by what makes p 1e-38: nothing in a sum that is at least 1,
/// and values are 0 there.
template <typename T>
std::pair<float, float> exponentials(T* p, float* row, float* s, int64_t count, int64_t padded,
                                     float scale) {
  const float largest = largest_of(s, count);
  std::fill(s + count, s + padded, -1e30f);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < padded; ++j) {
    row[j] = exp_approx((s[j] - largest) * scale);
    sum += row[j];
  }
  narrow(p, row, padded);
  return {largest, sum};
}

/// p = exp(s scale - log_sum), ds = p (g - sum p g) scale; returns sum of (ds / scale) s.
template <typename T>
float softmax_backward(T* p, T* ds, float* row, const float* s, const float* g, float log_sum,
                       int64_t count, int64_t padded, float scale) {
  float dot = 0, weighted = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t j = 0; j < padded; ++j) {
    row[j] = exp_approx(s[j] * scale - log_sum);
    dot += row[j] * g[j];  // g is 0 beyond count
  }
  std::fill(row + count, row + padded, 0.0f);
  narrow(p, row, padded);
#pragma omp simd reduction(+ : weighted)
  for (int64_t j = 0; j < padded; ++j) {
    const float e = row[j] * (g[j] - dot);
    weighted += e * s[j];
    row[j] = e * scale;
  }
  narrow(ds, row, padded);
  return weighted;
}

/// What one head needs on the way, products included: a thread has it once for all its heads.
struct ForwardRoom {
  ForwardRoom(int64_t queries, int64_t keys, int64_t depth, DType type)
      : q({queries, depth}, type),
        k({keys, depth}, type),
        v({keys, depth}, type),
        p({queries, keys}, type),
        scores({queries, keys}),
        sums({queries}),
        mixed({queries, depth}),
        row({keys}) {}
  Tensor q, k, v, p, scores, sums, mixed, row;
  Tensor products = {};
};

struct BackwardRoom {
  BackwardRoom(int64_t queries, int64_t keys, int64_t depth, DType type)
      : q({queries, depth}, type),
        k({keys, depth}, type),
        v({keys, depth}, type),
        g({queries, depth}, type),
        p({queries, keys}, type),
        ds({queries, keys}, type),
        scores({queries, keys}),
        dp({queries, keys}),
        row({keys}),
        dq({queries, depth}),
        dk({keys, depth}),
        dv({keys, depth}) {}
  Tensor q, k, v, g, p, ds, scores, dp, row, dq, dk, dv;
  Tensor products = {};
};

}  // namespace

void attention_forward(const Tensor& y, const Tensor& log_sum, const AttentionInputs& inputs) {
  dispatch(y.dtype(), [&]<typename T>() {
    const Heads<T> h(inputs);
    const auto make = [&] { return ForwardRoom(h.queries, h.padded, h.depth, dtype_of<T>); };
    for_each_head(h, make, [&](int64_t image, int64_t head, ForwardRoom& room) {
      auto& [q, k, v, p, scores, sums, mixed, row, products] = room;
      const GemmOptions small = {.room = &products};
      h.gather(q, 0, image, head);
      h.gather(k, 1, image, head);
      h.gather(v, 2, image, head);
      gemm_unchecked(scores, q, false, k, true, small);
      float* log_sums = log_sum.data<float>() + (image * inputs.heads + head) * h.queries;
      for (int64_t i = 0; i < h.queries; ++i) {
        const auto [largest, sum] =
            exponentials(p.data<T>() + i * h.padded, row.data<float>(),
                         scores.data<float>() + i * h.padded, h.keys, h.padded, h.scale);
        log_sums[i] = largest * h.scale + std::log(sum);
        sums.data<float>()[i] = sum;
      }
      gemm_unchecked(mixed, p, false, v, false, small);
      T* out = y.data<T>() + image * h.queries * h.width + head * h.depth;
      for (int64_t i = 0; i < h.queries; ++i) {
        const float inverse = 1.0f / sums.data<float>()[i];
        float* mix = mixed.data<float>() + i * h.depth;
        for (int64_t j = 0; j < h.depth; ++j) mix[j] *= inverse;
        narrow(out + i * h.width, mix, h.depth);
      }
    });
  });
}

void attention_backward(const Tensor& dy, const Tensor& dqkv, const Tensor& dquery,
                        const Tensor& dprompt, const Tensor& dtemperature, const Tensor&,
                        const Tensor& log_sum, const AttentionInputs& inputs) {
  dispatch(dy.dtype(), [&]<typename T>() {
    const Heads<T> h(inputs);
    const Tensor prompt_shares = image_shares(dprompt, h.batch);
    const auto make = [&] { return BackwardRoom(h.queries, h.padded, h.depth, dtype_of<T>); };
    for_each_head(h, make, [&](int64_t image, int64_t head, BackwardRoom& room) {
      auto& [q, k, v, g, p, ds, scores, dp, one_row, dq, dk, dv, products] = room;
      const GemmOptions small = {.room = &products};
      h.gather(q, 0, image, head);
      h.gather(k, 1, image, head);
      h.gather(v, 2, image, head);
      const T* from = dy.data<T>() + image * h.queries * h.width + head * h.depth;
      for (int64_t i = 0; i < h.queries; ++i)
        std::copy_n(from + i * h.width, h.depth, g.data<T>() + i * h.depth);
      gemm_unchecked(scores, q, false, k, true, small);
      gemm_unchecked(dp, g, false, v, true, small);
      const float* log_sums = log_sum.data<float>() + (image * inputs.heads + head) * h.queries;
      float dt = 0;
      for (int64_t i = 0; i < h.queries; ++i) {
        const int64_t row = i * h.padded;
        dt -= softmax_backward(p.data<T>() + row, ds.data<T>() + row, one_row.data<float>(),
                               scores.data<float>() + row, dp.data<float>() + row, log_sums[i],
                               h.keys, h.padded, h.scale);
      }
      if (dtemperature)
        dtemperature.data<float>()[image * inputs.heads + head] =
            h.clamped ? 0.0f : dt * h.scale / h.temperature;

      // Products in f32, then to where the gradients live.
      const auto scatter = [&](const Tensor& grad, int which) {
        const float* rows = grad.data<float>();
        if (which > 0 && h.prompts > 0) {
          if (prompt_shares) {
            float* to = prompt_shares.data<float>() + image * h.prompts * 2 * h.width +
                        (which - 1) * h.width + head * h.depth;
            for (int64_t i = 0; i < h.prompts; ++i)
              std::copy_n(rows + i * h.depth, h.depth, to + i * 2 * h.width);
          }
          rows += h.prompts * h.depth;
        }
        if (!dqkv) return;
        int64_t pitch = 0;
        T* to = h.part(dqkv, dquery, which, image, head, pitch);
        const int64_t count = which == 0 ? h.queries : h.tokens;
        for (int64_t i = 0; i < count; ++i) narrow(to + i * pitch, rows + i * h.depth, h.depth);
      };
      gemm_unchecked(dv, p, true, g, false, small);
      scatter(dv, 2);
      gemm_unchecked(dk, ds, true, q, false, small);
      scatter(dk, 1);
      if (dqkv) {
        gemm_unchecked(dq, ds, false, k, false, small);
        scatter(dq, 0);
      }
    });
    sum_shares(dprompt, prompt_shares);
  });
}

}  // namespace lspt::cpu
