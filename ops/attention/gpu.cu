// Attention on the GPU: which kernel serves, and what it needs before and after. bf16 goes to
// cuDNN's fused kernels where they take the shape (fused.h), everything else to our own
// (tiled.h).
#include <algorithm>
#include <cmath>

#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/attention/attention.h"
#include "ops/attention/fused.h"
#include "ops/attention/tiled.h"
#include "ops/attention/tiles.cuh"

namespace lspt::cuda {
namespace gpu_cu {

// cuDNN wants one tensor of keys, and scores divided by sqrt(d) alone. So the rows of prompts and
// tokens are joined first, queries divided by a temperature beforehand, and gradients taken apart
// again: dk and dv to prompts and tokens, dq / t to the queries, and
//   dt = - sum(ds s) / t = - sum over queries of (q / t) . d(q / t) / t.

__device__ inline float clamped(const float* temperature) {
  return fminf(fmaxf(*temperature, 0.01f), 10.0f);
}

/// A thread owns V elements: to = from, divided by the temperature if there is one.
template <int V, typename S, typename T>
__global__ void copy_rows(HeadRows<S> to, HeadRows<const T> from, int64_t total, int64_t rows,
                          int64_t width, const float* temperature) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  const int64_t column = i % width, row = i / width % rows, image = i / width / rows;
  float value[V];
  load<V>(value, from.data + image * from.image + row * from.row + column);
  if (temperature)
    for (int k = 0; k < V; ++k) value[k] /= clamped(temperature);
  store<V>(to.data + image * to.image + row * to.row + column, value);
}

template <typename S, typename T>
void copy(const HeadRows<S>& to, const HeadRows<const T>& from, int64_t images, int64_t rows,
          int64_t width, const float* temperature = nullptr) {
  const int64_t total = images * rows * width;
  const bool is_wide = (width | to.image | to.row | from.image | from.row) % kWide == 0 &&
                       reinterpret_cast<uintptr_t>(to.data) % 16 == 0 &&
                       reinterpret_cast<uintptr_t>(from.data) % 16 == 0;
  with_width(is_wide, [&]<int V>() {
    launch(copy_rows<V, S, T>, blocks(total, kBlock * V), kBlock, to, from, total, rows, width,
           temperature);
  });
}

__global__ void temperature_gradients(float* dtemperature, int64_t count,
                                      const float* temperature) {
  const int64_t i = thread_index();
  if (i >= count) return;
  const float t = clamped(temperature);
  dtemperature[i] = t == *temperature ? -dtemperature[i] / t : 0.0f;
}

/// The problem as cuDNN gets it.
struct Fused {
  const AttentionInputs& in;
  int64_t batch, tokens, width, prompts, kv_column;
  const float* temperature;
  FusedAttention problem{};

  explicit Fused(const AttentionInputs& inputs)
      : in(inputs),
        batch(in.qkv.dim(0)),
        tokens(in.qkv.dim(1)),
        width(in.qkv.dim(2) / (in.query ? 2 : 3)),
        prompts(in.prompt ? in.prompt.dim(-2) : 0),
        kv_column(in.query ? 0 : width),
        temperature(in.temperature ? in.temperature.data<float>() + in.temperature_index
                                   : nullptr) {
    const int64_t queries = in.query ? in.query.dim(1) : tokens, keys = prompts + tokens;
    const int64_t q_row = in.query || temperature ? width : 3 * width;
    const int64_t kv_row = prompts > 0 || in.query ? 2 * width : 3 * width;
    const int64_t depth = width / in.heads;
    problem = {
        batch, in.heads,        depth,  queries,       keys,
        q_row, queries * q_row, kv_row, keys * kv_row, 1.0f / std::sqrt(static_cast<float>(depth))};
  }

  bool usable(bool backward) const {
    return in.qkv.dtype() == DType::bf16 && fused_attention_usable(problem, backward);
  }

  /// Divided by the temperature, in a tensor of their own; empty without one.
  Tensor divided_queries() const {
    if (!temperature) return {};
    const Tensor divided({batch, problem.queries, width}, DType::bf16, Device::cuda);
    copy(rows_of<bf16>(divided), rows_of<const bf16>(in.query ? in.query : in.qkv), batch,
         problem.queries, width, temperature);
    return divided;
  }

  /// Keys and values, (B, P + N, 2D); empty without prompts.
  Tensor joined_keys() const {
    if (prompts == 0) return {};
    const Tensor joined({batch, problem.keys, 2 * width}, DType::bf16, Device::cuda);
    gpu_cu::copy(rows_of<bf16>(joined), rows_of<const bf16>(in.prompt), batch, prompts, 2 * width);
    gpu_cu::copy(rows_of<bf16>(joined, prompts), rows_of<const bf16>(in.qkv, 0, kv_column), batch,
                 tokens, 2 * width);
    return joined;
  }
};

}  // namespace gpu_cu

void attention_forward(const Tensor& y, const Tensor& log_sum, const AttentionInputs& in) {
  const gpu_cu::Fused f(in);
  if (!f.usable(false)) return tiled_attention_forward(y, log_sum, in);
  const Tensor divided = f.divided_queries(), joined = f.joined_keys();
  const bf16* q = (divided ? divided : in.query ? in.query : in.qkv).data<bf16>();
  const bf16* k = joined ? joined.data<bf16>() : in.qkv.data<bf16>() + f.kv_column;
  fused_attention_forward(f.problem, q, k, k + f.width, y.raw(), log_sum.data<float>());
}

void attention_backward(const Tensor& dy, const Tensor& dqkv, const Tensor& dquery,
                        const Tensor& dprompt, const Tensor& dtemperature, const Tensor& y,
                        const Tensor& log_sum, const AttentionInputs& in) {
  const gpu_cu::Fused f(in);
  if (!f.usable(true))
    return tiled_attention_backward(dy, dqkv, dquery, dprompt, dtemperature, y, log_sum, in);
  const Tensor divided = f.divided_queries(), joined = f.joined_keys();
  const bf16* q = (divided ? divided : in.query ? in.query : in.qkv).data<bf16>();
  const bf16* k = joined ? joined.data<bf16>() : in.qkv.data<bf16>() + f.kv_column;

  // The kernels write all of dq, dk and dv: where nobody wants them, to memory of their own.
  const auto like = [](const Tensor& x) {
    return x ? Tensor(x.shape(), x.dtype(), Device::cuda) : Tensor();
  };
  const Tensor to_qkv = dqkv ? dqkv : like(in.qkv), to_query = dquery ? dquery : like(in.query);
  const Tensor ddivided = like(divided), djoined = like(joined);
  bf16* dq = (ddivided ? ddivided : in.query ? to_query : to_qkv).data<bf16>();
  bf16* dk = djoined ? djoined.data<bf16>() : to_qkv.data<bf16>() + f.kv_column;
  fused_attention_backward(f.problem, q, k, k + f.width, y.raw(), log_sum.data<float>(), dy.raw(),
                           dq, dk, dk + f.width);

  if (djoined && dprompt && dprompt.rank() == 3)
    gpu_cu::copy(rows_of<float>(dprompt), rows_of<const bf16>(djoined), f.batch, f.prompts,
                 2 * f.width);
  else if (djoined && dprompt)  // an image's prompt rows are neighbours: one long row
    sum_rows(dprompt, 0.0f, 1.0f, djoined, Rows{.rows = f.batch, .row_stride = f.problem.kv_image},
             "attention_prompts_backward");
  if (djoined && dqkv)
    gpu_cu::copy(rows_of<bf16>(dqkv, 0, f.kv_column), rows_of<const bf16>(djoined, f.prompts),
                 f.batch, f.tokens, 2 * f.width);
  if (ddivided && dqkv)
    gpu_cu::copy(rows_of<bf16>(in.query ? dquery : dqkv), rows_of<const bf16>(ddivided), f.batch,
                 f.problem.queries, f.width, f.temperature);
  if (dtemperature) {
    const Tensor dots(log_sum.shape(), DType::f32, Device::cuda);
    head_dots(dots, divided, ddivided);
    sum_rows(dtemperature, 0.0f, 1.0f, dots,
             {.groups = dtemperature.numel(),
              .group_stride = f.problem.queries,
              .rows = f.problem.queries,
              .row_stride = 1});
    launch(gpu_cu::temperature_gradients, blocks(dtemperature.numel()), kBlock,
           dtemperature.data<float>(), dtemperature.numel(), f.temperature);
  }
}

}  // namespace lspt::cuda
