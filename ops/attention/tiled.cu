// Attention without stored scores, the plain way (Dao et al. 2022 in small): a block owns 16
// queries of one head of one image and walks over the keys by tiles of 32 in shared memory. For
// every query it carries the largest score so far, the sum of exponentials and the mixed values,
// and shrinks all three when a larger score comes. Backward walks twice: for dq queries own and
// keys pass, for dk and dv keys own and queries pass; each block alone writes what it owns, so
// no atomics, the same bits every time, at the price of computing scores twice. All in f32 on
// ordinary cores: on tensor cores cuDNN's are an order faster in bf16, and this is what they are
// checked against.
#include "engine/sum_rows.h"
#include "ops/attention/tiled.h"
#include "ops/attention/tiles.cuh"

namespace lspt::cuda {
namespace tiled_cu {

template <int D, typename T>
__global__ void forward(Side<T, T> y, float* log_sum, Input<T> q, Input<T> k, Input<T> v, Sizes s) {
  __shared__ float own[kRows][D + 1], keys[kTile][D + 1], values[kTile][D + 1];
  const Place p(s);
  const float scale = s.scale();
  load_tile<D>(own, q, p.block_first, s, p);
  float largest[kOwn], total[kOwn] = {}, mixed[kOwn][D / 32] = {};
  for (int i = 0; i < kOwn; ++i) largest[i] = -INFINITY;
  for (int first = 0; first < k.count; first += kTile) {
    __syncthreads();
    load_tile<D>(keys, k, first, s, p);
    load_tile<D>(values, v, first, s, p);
    __syncthreads();
    float score[kOwn];
    dots<D>(score, own, keys, p);
    for (int i = 0; i < kOwn; ++i) {
      const float x = first + p.lane < k.count ? score[i] * scale : -INFINITY;
      const float now = fmaxf(largest[i], warp_max(x)), shrink = expf(largest[i] - now);
      score[i] = expf(x - now);
      total[i] = total[i] * shrink + warp_sum(score[i]);
      largest[i] = now;
      for (int c = 0; c < D / 32; ++c) mixed[i][c] *= shrink;
    }
    add_weighted<D>(mixed, score, values, min(kTile, k.count - first), p);
  }
  float inverse[kOwn];
  for (int i = 0; i < kOwn; ++i) {
    inverse[i] = 1.0f / total[i];
    if (p.lane == 0 && p.first + i < q.count)
      log_sum[p.statistic(q.count, p.first + i)] = largest[i] + logf(total[i]);
  }
  store_rows<D>(y, mixed, inverse, s, p);
}

/// A warp owns one head of one row: dot = a . b.
template <typename T>
__global__ void multiply_heads(float* dots, const T* a, const T* b, int64_t count, int64_t rows,
                               int64_t heads, int64_t depth) {
  const int64_t i = thread_index() / 32;
  if (i >= count) return;
  const int64_t row = i % rows, head = i / rows % heads, image = i / rows / heads;
  const int64_t begin = ((image * rows + row) * heads + head) * depth;
  float sum = 0;
  for (int64_t d = threadIdx.x % 32; d < depth; d += 32)
    sum += static_cast<float>(a[begin + d]) * static_cast<float>(b[begin + d]);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) dots[i] = sum;
}

/// dq, and each block's share of sum(ds q k) for the temperature.
template <int D, typename T>
__global__ void backward_queries(Side<T, T> dq, float* shares, Input<T> q, Input<T> k, Input<T> v,
                                 Input<T> dy, const float* log_sum, const float* dot, Sizes s) {
  __shared__ float own[kRows][D + 1], dout[kRows][D + 1];
  __shared__ float keys[kTile][D + 1], values[kTile][D + 1], warp_shares[kWarps];
  const Place p(s);
  const float scale = s.scale();
  load_tile<D>(own, q, p.block_first, s, p);
  load_tile<D>(dout, dy, p.block_first, s, p);
  float sum[kOwn][D / 32] = {}, share = 0;
  for (int first = 0; first < k.count; first += kTile) {
    __syncthreads();
    load_tile<D>(keys, k, first, s, p);
    load_tile<D>(values, v, first, s, p);
    __syncthreads();
    float score[kOwn], dp[kOwn];
    dots<D>(score, own, keys, p);
    dots<D>(dp, dout, values, p);
    for (int i = 0; i < kOwn; ++i) {
      const int row = p.first + i;
      float ds = 0;
      if (row < q.count && first + p.lane < k.count) {
        const int64_t at = p.statistic(q.count, row);
        ds = expf(score[i] * scale - log_sum[at]) * (dp[i] - dot[at]);
      }
      share += ds * score[i];
      score[i] = ds;
    }
    add_weighted<D>(sum, score, keys, min(kTile, k.count - first), p);
  }
  const float factor[kOwn] = {scale, scale, scale, scale};
  store_rows<D>(dq, sum, factor, s, p);
  if (!shares) return;
  share = warp_sum(share);
  if (p.lane == 0) warp_shares[threadIdx.x / 32] = share;
  __syncthreads();
  if (threadIdx.x == 0)
    shares[static_cast<int64_t>(blockIdx.x) * gridDim.y + blockIdx.y] =
        warp_shares[0] + warp_shares[1] + warp_shares[2] + warp_shares[3];
}

/// dt = - sum(ds s) / t with s the scaled score; 0 where the temperature was clamped.
__global__ void finish_temperature(float* dtemperature, int64_t count, Sizes s) {
  const int64_t i = thread_index();
  if (i >= count) return;
  const float t = *s.temperature;
  dtemperature[i] = t < 0.01f || t > 10.0f ? 0.0f : -dtemperature[i] * s.scale() / t;
}

template <int D, typename T>
__global__ void backward_keys(Side<float, T> dk, Side<float, T> dv, Input<T> q, Input<T> k,
                              Input<T> v, Input<T> dy, const float* log_sum, const float* dot,
                              Sizes s) {
  __shared__ float own_k[kRows][D + 1], own_v[kRows][D + 1];
  __shared__ float queries[kTile][D + 1], dout[kTile][D + 1];
  const Place p(s);
  const float scale = s.scale();
  load_tile<D>(own_k, k, p.block_first, s, p);
  load_tile<D>(own_v, v, p.block_first, s, p);
  float sum_k[kOwn][D / 32] = {}, sum_v[kOwn][D / 32] = {};
  for (int first = 0; first < q.count; first += kTile) {
    __syncthreads();
    load_tile<D>(queries, q, first, s, p);
    load_tile<D>(dout, dy, first, s, p);
    __syncthreads();
    float weight[kOwn], ds[kOwn];
    dots<D>(weight, own_k, queries, p);
    dots<D>(ds, own_v, dout, p);
    const bool inside = first + p.lane < q.count;
    const int64_t at = p.statistic(q.count, first + p.lane);
    for (int i = 0; i < kOwn; ++i) {
      weight[i] = inside ? expf(weight[i] * scale - log_sum[at]) : 0.0f;
      ds[i] = inside ? weight[i] * (ds[i] - dot[at]) : 0.0f;
    }
    const int rows = min(kTile, q.count - first);
    add_weighted<D>(sum_v, weight, dout, rows, p);
    add_weighted<D>(sum_k, ds, queries, rows, p);
  }
  const float factor[kOwn] = {scale, scale, scale, scale}, one[kOwn] = {1, 1, 1, 1};
  store_rows<D>(dk, sum_k, factor, s, p);
  store_rows<D>(dv, sum_v, one, s, p);
}

/// Where queries (0), keys (1) and values (2) are in inputs, or in gradients laid out like them.
template <typename F, typename T>
struct Parts {
  Side<F, T> side[3];
  Parts(const AttentionInputs& in, const Tensor& qkv, const Tensor& query, const Tensor& prompt) {
    const bool separate = static_cast<bool>(in.query);
    const int64_t width = in.qkv.dim(2) / (separate ? 2 : 3);
    const int tokens = static_cast<int>(in.qkv.dim(1));
    const int prompts = in.prompt ? static_cast<int>(in.prompt.dim(-2)) : 0;
    side[0] = {{},
               rows_of<T>(separate ? query : qkv),
               0,
               separate ? static_cast<int>(in.query.dim(1)) : tokens};
    for (int part : {1, 2})
      side[part] = {rows_of<F>(prompt, 0, (part - 1) * width),
                    rows_of<T>(qkv, 0, (separate ? part - 1 : part) * width), prompts,
                    prompts + tokens};
  }
};

Sizes sizes_of(const AttentionInputs& in) {
  const int64_t depth = in.qkv.dim(2) / (in.query ? 2 : 3) / in.heads;
  require(depth <= 96, "attention: heads ", depth, " wide, at most 96 on the GPU");
  return {in.heads, static_cast<int>(depth),
          in.temperature ? in.temperature.data<float>() + in.temperature_index : nullptr};
}

/// Calls body.template operator()<D>() with the room for a head's columns.
template <typename Body>
void with_depth(int depth, Body&& body) {
  if (depth <= 64)
    body.template operator()<64>();
  else
    body.template operator()<96>();
}

}  // namespace tiled_cu

void head_dots(const Tensor& dots, const Tensor& a, const Tensor& b) {
  const OpScope op("head_dots", bytes_of(dots, a, b));
  dispatch(a.dtype(), [&]<typename T>() {
    launch(tiled_cu::multiply_heads<T>, blocks(32 * dots.numel()), kBlock, dots.data<float>(),
           a.data<T>(), b.data<T>(), dots.numel(), dots.dim(2), dots.dim(1),
           a.dim(2) / dots.dim(1));
  });
}

void tiled_attention_forward(const Tensor& y, const Tensor& log_sum, const AttentionInputs& in) {
  const int64_t keys = in.qkv.dim(1) + (in.prompt ? in.prompt.dim(-2) : 0);
  const OpScope op("tiled attention", bytes_of(y, log_sum, in.qkv, in.query, in.prompt),
                   4 * y.numel() * keys);
  const Sizes s = tiled_cu::sizes_of(in);
  const unsigned heads = static_cast<unsigned>(in.qkv.dim(0) * in.heads);
  dispatch(y.dtype(), [&]<typename T>() {
    const tiled_cu::Parts<const T, const T> from(in, in.qkv, in.query, in.prompt);
    const auto& [q, k, v] = from.side;
    const Side<T, T> to{{}, rows_of<T>(y), 0, q.count};
    tiled_cu::with_depth(s.depth, [&]<int D>() {
      launch(tiled_cu::forward<D, T>, dim3(heads, blocks(q.count, kRows)), 32 * kWarps, to,
             log_sum.data<float>(), q, k, v, s);
    });
  });
}

void tiled_attention_backward(const Tensor& dy, const Tensor& dqkv, const Tensor& dquery,
                              const Tensor& dprompt, const Tensor& dtemperature, const Tensor& y,
                              const Tensor& log_sum, const AttentionInputs& in) {
  const int64_t keys = in.qkv.dim(1) + (in.prompt ? in.prompt.dim(-2) : 0);
  const OpScope op("tiled attention backward",
                   bytes_of(dy, dqkv, dquery, dprompt, y, log_sum, in.qkv, in.query, in.prompt),
                   10 * y.numel() * keys);
  const Sizes s = tiled_cu::sizes_of(in);
  const unsigned heads = static_cast<unsigned>(in.qkv.dim(0) * in.heads);
  // dy . y = sum over keys of p (dy . v), what softmax's gradient subtracts.
  const Tensor dot(log_sum.shape(), DType::f32, Device::cuda);
  head_dots(dot, dy, y);
  dispatch(dy.dtype(), [&]<typename T>() {
    const tiled_cu::Parts<const T, const T> from(in, in.qkv, in.query, in.prompt);
    const Tensor prompt_shares = image_shares(dprompt, in.qkv.dim(0));
    const tiled_cu::Parts<float, T> to(in, dqkv, dquery, prompt_shares);
    const auto& [q, k, v] = from.side;
    const Input<T> dout{{}, rows_of<const T>(dy), 0, q.count};
    tiled_cu::with_depth(s.depth, [&]<int D>() {
      if (dqkv || dtemperature) {
        const unsigned pieces = blocks(q.count, kRows);
        const Tensor shares =
            dtemperature ? Tensor({heads, pieces}, DType::f32, Device::cuda) : Tensor();
        const Side<T, T> dq{{}, to.side[0].back, 0, q.count};
        launch(tiled_cu::backward_queries<D, T>, dim3(heads, pieces), 32 * kWarps, dq,
               shares ? shares.data<float>() : nullptr, q, k, v, dout, log_sum.data<float>(),
               dot.data<float>(), s);
        if (dtemperature) {
          sum_rows(dtemperature, 0.0f, 1.0f, shares,
                   {.groups = heads, .group_stride = pieces, .rows = pieces, .row_stride = 1});
          launch(tiled_cu::finish_temperature, blocks(heads), kBlock, dtemperature.data<float>(),
                 heads, s);
        }
      }
      // Without dqkv only the prompts' keys, which come first, have anything to receive.
      if (const int wanted = dqkv ? k.count : dprompt ? k.split : 0; wanted > 0)
        launch(tiled_cu::backward_keys<D, T>, dim3(heads, blocks(wanted, kRows)), 32 * kWarps,
               to.side[1], to.side[2], q, k, v, dout, log_sum.data<float>(), dot.data<float>(), s);
    });
    sum_shares(dprompt, prompt_shares);
  });
}

}  // namespace lspt::cuda
