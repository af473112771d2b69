// y = x Phi(x), exactly, not by tanh. A thread owns V neighbours. Forward reads x and writes y,
// and where there will be a backward the slope Phi(x) + x phi(x) too: one array more, for which
// backward is a plain product. On an H200 forward is bound by arithmetic (normcdff), not by
// memory.
#include "engine/cuda.cuh"
#include "ops/gelu.h"

namespace lspt::cuda {
namespace gelu_cu {

/// A thread owns V elements. y or slope may be x: each thread reads before it writes.
template <int V, typename T>
__global__ void apply(T* y, T* slope, const T* x, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float value[V], derivative[V];
  load<V>(value, x + i);
  for (int k = 0; k < V; ++k) {
    const float v = value[k], cdf = normcdff(v);
    value[k] = v * cdf;
    derivative[k] = cdf + v * 0.398942280f * __expf(-0.5f * v * v);
  }
  if (slope) store<V>(slope + i, derivative);
  store<V>(y + i, value);
}

template <int V, typename T>
__global__ void times_slope(T* dx, const T* dy, const T* slope, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float g[V], s[V];
  load<V>(g, dy + i);
  load<V>(s, slope + i);
  for (int k = 0; k < V; ++k) g[k] *= s[k];
  store<V>(dx + i, g);
}

}  // namespace gelu_cu

void gelu_forward(const Tensor& y, const Tensor& slope, const Tensor& x) {
  const OpScope op("gelu_forward", bytes_of(y, slope, x));
  dispatch(x.dtype(), [&]<typename T>() {
    with_width(wide(x.numel(), y, slope, x), [&]<int V>() {
      launch(gelu_cu::apply<V, T>, blocks(x.numel(), kBlock * V), kBlock, y.data<T>(),
             slope ? slope.data<T>() : nullptr, x.data<T>(), x.numel());
    });
  });
}

void gelu_backward(const Tensor& dx, const Tensor& dy, const Tensor& slope) {
  require(dy.same_layout(slope), "gelu: gradient ", dy.shape(), " for ", slope.shape());
  const OpScope op("gelu_backward", bytes_of(dx, dy, slope));
  dispatch(slope.dtype(), [&]<typename T>() {
    with_width(wide(dx.numel(), dx, dy, slope), [&]<int V>() {
      launch(gelu_cu::times_slope<V, T>, blocks(dx.numel(), kBlock * V), kBlock, dx.data<T>(),
             dy.data<T>(), slope.data<T>(), dx.numel());
    });
  });
}

}  // namespace lspt::cuda
