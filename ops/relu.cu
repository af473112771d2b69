// y = max(x, 0); dx = dy where y > 0. A thread owns V neighbours; both are bound by memory.
#include "engine/cuda.cuh"
#include "ops/relu.h"

namespace lspt::cuda {
namespace relu_cu {

template <int V, typename T>
__global__ void apply(T* y, const T* x, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float value[V];
  load<V>(value, x + i);
  for (int k = 0; k < V; ++k) value[k] = value[k] < 0.0f ? 0.0f : value[k];
  store<V>(y + i, value);
}

template <int V, typename T>
__global__ void gate(T* dx, const T* dy, const T* y, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float g[V], value[V];
  load<V>(g, dy + i);
  load<V>(value, y + i);
  for (int k = 0; k < V; ++k) g[k] = value[k] > 0.0f ? g[k] : 0.0f;
  store<V>(dx + i, g);
}

}  // namespace relu_cu

void relu_forward(const Tensor& y, const Tensor& x) {
  const OpScope op("relu_forward", bytes_of(y, x));
  dispatch(x.dtype(), [&]<typename T>() {
    with_width(wide(x.numel(), y, x), [&]<int V>() {
      launch(relu_cu::apply<V, T>, blocks(x.numel(), kBlock * V), kBlock, y.data<T>(), x.data<T>(),
             x.numel());
    });
  });
}

void relu_backward(const Tensor& dx, const Tensor& dy, const Tensor& y) {
  require(dy.same_layout(y), "relu: gradient ", dy.shape(), " for ", y.shape());
  const OpScope op("relu_backward", bytes_of(dx, dy, y));
  dispatch(y.dtype(), [&]<typename T>() {
    with_width(wide(dx.numel(), dx, dy, y), [&]<int V>() {
      launch(relu_cu::gate<V, T>, blocks(dx.numel(), kBlock * V), kBlock, dx.data<T>(),
             dy.data<T>(), y.data<T>(), dx.numel());
    });
  });
}

}  // namespace lspt::cuda
