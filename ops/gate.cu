// y = g p_out + (1 - g) p_in with one number g = sigmoid(logit) for all elements. The gate is
// read by every thread from the GPU's memory, where the optimizer changes it: nothing of it
// passes the host. Its gradient is one sum over all elements: warps over chunks of 8,192, then
// the chunks' sums by sum_rows, in an order that sizes alone decide.
#include "engine/sum_rows.h"
#include "ops/gate.h"
#include "ops/math.cuh"

namespace lspt::cuda {
namespace gate_cu {

/// A thread owns V elements; the gate is read from the card, where the optimizer changes it.
template <int V, typename T>
__global__ void mix(T* y, const T* p_in, const T* p_out, const float* logit, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const float g = sigmoid(*logit);
  float before[V], after[V];
  load<V>(before, p_in + i);
  load<V>(after, p_out + i);
  for (int k = 0; k < V; ++k) after[k] = g * after[k] + (1.0f - g) * before[k];
  store<V>(y + i, after);
}

template <int V, typename T>
__global__ void share(T* dx, const T* dy, const float* logit, bool out, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const float g = sigmoid(*logit), factor = out ? g : 1.0f - g;
  float value[V];
  load<V>(value, dy + i);
  for (int k = 0; k < V; ++k) value[k] *= factor;
  store<V>(dx + i, value);
}

constexpr int64_t kWarpElements = 1 << 13;  // elements that a warp adds up

/// A warp owns a chunk: the sum of dy (p_out - p_in) over it.
template <typename T>
__global__ void chunk_sums(float* sums, const T* dy, const T* p_in, const T* p_out, int64_t count) {
  const int64_t chunk = thread_index() / 32, begin = chunk * kWarpElements;
  if (begin >= count) return;
  const int64_t end = begin + kWarpElements < count ? begin + kWarpElements : count;
  float sum = 0;
  for (int64_t i = begin + threadIdx.x % 32; i < end; i += 32)
    sum += static_cast<float>(dy[i]) * (static_cast<float>(p_out[i]) - static_cast<float>(p_in[i]));
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) sums[chunk] = sum;
}

__global__ void add_slope(float* dlogit, const float* sum, const float* logit) {
  const float g = sigmoid(*logit);
  *dlogit += g * (1.0f - g) * *sum;
}

}  // namespace gate_cu

void gate_forward(const Tensor& y, const Tensor& p_in, const Tensor& p_out, const Tensor& logits,
                  int64_t index) {
  const OpScope op("gate_forward", bytes_of(y, p_in, p_out));
  dispatch(y.dtype(), [&]<typename T>() {
    with_width(wide(y.numel(), y, p_in, p_out), [&]<int V>() {
      launch(gate_cu::mix<V, T>, blocks(y.numel(), kBlock * V), kBlock, y.data<T>(), p_in.data<T>(),
             p_out.data<T>(), logits.data<float>() + index, y.numel());
    });
  });
}

void gate_backward(const Tensor& dx, const Tensor& dy, const Tensor& logits, int64_t index,
                   bool out) {
  const OpScope op("gate_backward", bytes_of(dx, dy));
  dispatch(dx.dtype(), [&]<typename T>() {
    with_width(wide(dx.numel(), dx, dy), [&]<int V>() {
      launch(gate_cu::share<V, T>, blocks(dx.numel(), kBlock * V), kBlock, dx.data<T>(),
             dy.data<T>(), logits.data<float>() + index, out, dx.numel());
    });
  });
}

void gate_logit_backward(const Tensor& dlogits, const Tensor& dy, const Tensor& p_in,
                         const Tensor& p_out, const Tensor& logits, int64_t index) {
  const OpScope op("gate_logit_backward", bytes_of(dy, p_in, p_out));
  const int64_t chunks = (dy.numel() + gate_cu::kWarpElements - 1) / gate_cu::kWarpElements;
  const Tensor sums({chunks}, DType::f32, Device::cuda), sum({1}, DType::f32, Device::cuda);
  dispatch(dy.dtype(), [&]<typename T>() {
    launch(gate_cu::chunk_sums<T>, blocks(32 * chunks), kBlock, sums.data<float>(), dy.data<T>(),
           p_in.data<T>(), p_out.data<T>(), dy.numel());
  });
  sum_rows(sum, 0.0f, 1.0f, sums, {.rows = chunks, .row_stride = 1});
  launch(gate_cu::add_slope, 1, 1, dlogits.data<float>() + index, sum.data<float>(),
         logits.data<float>() + index);
}

}  // namespace lspt::cuda
