#include "ops/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/accumulate.h"
#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/narrow.h"
#include "engine/parallel.h"
#include "ops/attention_heads.h"
#include "ops/linear.h"
#include "ops/math.h"

namespace lspt {

Var attention(const Var& qkv, int heads, const AttentionOptions& options) {
  const Var &query = options.query, &prompt = options.prompt_kv;
  require(qkv.value.rank() == 3, "attention: qkv ", qkv.shape(), ", (B, N, 3D) expected");
  const int64_t batch = qkv.dim(0), width = qkv.dim(2) / (query ? 2 : 3);
  require(width * (query ? 2 : 3) == qkv.dim(2) && width % heads == 0, "attention: ", heads,
          " heads in ", qkv.shape());
  require(!query || (query.value.rank() == 3 && query.dim(0) == batch && query.dim(2) == width),
          "attention: query ", query.shape(), " for keys and values ", qkv.shape());
  require(!prompt ||
              (prompt.dim(-1) == 2 * width &&
               (prompt.value.rank() == 2 || (prompt.value.rank() == 3 && prompt.dim(0) == batch))),
          "attention: prompt_kv ", prompt.shape(), ", (P, ", 2 * width, ") or (", batch, ", P, ",
          2 * width, ") expected");
  require((!query || query.dtype() == qkv.dtype()) && (!prompt || prompt.dtype() == qkv.dtype()),
          "attention: inputs of different dtypes");
  require(!options.temperature || options.temperature_index < options.temperature.value.numel(),
          "attention: temperature ", options.temperature_index, " of ",
          options.temperature.shape());
  const AttentionInputs inputs{
      qkv.value, query.value, prompt.value, options.temperature.value, options.temperature_index,
      heads};
  const int64_t queries = query ? query.dim(1) : qkv.dim(1);
  Tensor y({batch, queries, width}, qkv.dtype(), qkv.device());
  const Tensor log_sum({batch, heads, queries}, DType::f32, qkv.device());
  attention_forward(y, log_sum, inputs);
  // Two products forward; four backward (the scores a second time are not counted), or three if
  // queries want no gradient.
  const int64_t product = 2 * y.numel() * (qkv.dim(1) + (prompt ? prompt.dim(-2) : 0));
  count_operations(2 * product);
  if (!recording({&qkv, &query, &prompt, &options.temperature})) return y;

  const Tensor kept_y = y.device() == Device::cpu ? Tensor() : y;
  return record("attention", {&qkv, &query, &prompt, &options.temperature}, y,
                [inputs, kept_y, log_sum, batch, width, product](Backward& b) {
                  const Tensor &qkv_ = inputs.qkv, &prompt_ = inputs.prompt;
                  const DType type = qkv_.dtype();
                  const Device device = qkv_.device();
                  Tensor dqkv, dquery, dprompt, dtemperature;
                  if (b.wanted(0) || b.wanted(1)) dqkv = Tensor(qkv_.shape(), type, device);
                  if (dqkv && inputs.query) dquery = Tensor(inputs.query.shape(), type, device);
                  if (b.wanted(2))
                    dprompt = Tensor({batch, prompt_.dim(-2), 2 * width}, DType::f32, device);
                  if (b.wanted(3)) dtemperature = Tensor({batch, inputs.heads}, DType::f32, device);
                  count_operations((dqkv ? 4 : 3) * product);
                  attention_backward(b.grad(), dqkv, dquery, dprompt, dtemperature, kept_y, log_sum,
                                     inputs);
                  if (b.wanted(0)) b.add(0, dqkv);
                  if (b.wanted(1)) b.add(1, dquery);
                  if (b.wanted(2)) {
                    if (prompt_.rank() == 3) {
                      b.add(2, dprompt);
                    } else {  // shared: the images' sum
                      const Tensor sum(prompt_.shape(), DType::f32, device);
                      column_sum(sum.reshape({prompt_.numel()}),
                                 dprompt.reshape({batch, prompt_.numel()}), 0.0f);
                      b.add(2, sum);
                    }
                  }
                  if (b.wanted(3)) {
                    const Tensor total({1}, DType::f32, device);
                    column_sum(total, dtemperature.reshape({dtemperature.numel(), 1}), 0.0f);
                    const auto [dt, beta] = b.into(3);
                    if (beta == 0.0f) memory::zero(dt.raw(), dt.nbytes(), device);
                    const int64_t at = inputs.temperature_index;
                    accumulate(dt.slice(at, at + 1), total, 1.0f);
                  }
                });
}

namespace cpu {
namespace {

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
      multiply(scores, q, false, k, true, small);
      float* log_sums = log_sum.data<float>() + (image * inputs.heads + head) * h.queries;
      for (int64_t i = 0; i < h.queries; ++i) {
        const auto [largest, sum] =
            exponentials(p.data<T>() + i * h.padded, row.data<float>(),
                         scores.data<float>() + i * h.padded, h.keys, h.padded, h.scale);
        log_sums[i] = largest * h.scale + std::log(sum);
        sums.data<float>()[i] = sum;
      }
      multiply(mixed, p, false, v, false, small);
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
      multiply(scores, q, false, k, true, small);
      multiply(dp, g, false, v, true, small);
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
          if (dprompt) {
            float* to = dprompt.data<float>() + image * h.prompts * 2 * h.width +
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
      multiply(dv, p, true, g, false, small);
      scatter(dv, 2);
      multiply(dk, ds, true, q, false, small);
      scatter(dk, 1);
      if (dqkv) {
        multiply(dq, ds, false, k, false, small);
        scatter(dq, 0);
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
