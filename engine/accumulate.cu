// sum = beta sum + x, element by element: how gradients from several readers meet. A thread owns
// V neighbours (one access of 16 bytes where sizes and addresses allow); x is read once, sum
// once if beta is 1, written once, so the memory's rate is the limit and there is nothing to
// keep on chip.
#include "engine/accumulate.h"
#include "engine/cuda.cuh"

namespace lspt::cuda {
namespace accumulate_cu {

/// A thread owns V elements.
template <int V, typename S, typename T>
__global__ void add_elements(S* sum, const T* x, int64_t count, float beta) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float more[V];
  load<V>(more, x + i);
  if (beta != 0.0f) {
    float old[V];
    load<V>(old, sum + i);
    for (int k = 0; k < V; ++k) more[k] += old[k];
  }
  store<V>(sum + i, more);
}

template <typename T>
__global__ void set_elements(T* x, int64_t count, float value) {
  if (const int64_t i = thread_index(); i < count) x[i] = value;
}

}  // namespace accumulate_cu

void accumulate(const Tensor& sum, const Tensor& x, float beta) {
  require(sum.numel() == x.numel(), "accumulate: ", x.shape(), " into ", sum.shape());
  const OpScope op(beta == 0.0f ? "convert" : "accumulate",
                   bytes_of(sum, x) + (beta == 0.0f ? 0 : bytes_of(sum)));
  if (beta == 0.0f && sum.dtype() == x.dtype()) {
    LSPT_CHECK(cudaMemcpyAsync(sum.raw(), x.raw(), x.nbytes(), cudaMemcpyDeviceToDevice, stream()));
    return;
  }
  dispatch(sum.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      with_width(wide(x.numel(), sum, x), [&]<int V>() {
        launch(accumulate_cu::add_elements<V, S, T>, blocks(x.numel(), kBlock * V), kBlock,
               sum.data<S>(), x.data<T>(), x.numel(), beta);
      });
    });
  });
}

void set_all(const Tensor& x, float value) {
  const OpScope op("fill", bytes_of(x));
  dispatch(x.dtype(), [&]<typename T>() {
    launch(accumulate_cu::set_elements<T>, blocks(x.numel()), kBlock, x.data<T>(), x.numel(),
           value);
  });
}

}  // namespace lspt::cuda
