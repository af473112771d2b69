// scale * part added to some columns of y, which alone are touched: a thread owns V elements of
// part.
#include "engine/cuda.cuh"
#include "ops/add_columns.h"

namespace lspt::cuda {
namespace add_columns_cu {

template <int V, typename T>
__global__ void add(T* y, const T* part, float scale, int64_t total, int64_t count, int64_t width,
                    int64_t at) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  T* to = y + i / count * width + at + i % count;
  float value[V], more[V];
  load<V>(value, to);
  load<V>(more, part + i);
  for (int k = 0; k < V; ++k) value[k] += scale * more[k];
  store<V>(to, value);
}

template <int V, typename T>
__global__ void take(T* dpart, const T* dy, float scale, int64_t total, int64_t count,
                     int64_t width, int64_t at) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  float value[V];
  load<V>(value, dy + i / count * width + at + i % count);
  for (int k = 0; k < V; ++k) value[k] *= scale;
  store<V>(dpart + i, value);
}

bool aligned(const Tensor& part, const Tensor& whole, int64_t at) {
  return wide(part.cols(), part, whole) && (at | whole.cols()) % kWide == 0;
}

}  // namespace add_columns_cu

void add_columns_forward(const Tensor& y, const Tensor& part, int64_t at, float scale) {
  const OpScope op("add_columns_forward", 3 * bytes_of(part));
  const int64_t total = part.numel();
  dispatch(y.dtype(), [&]<typename T>() {
    with_width(add_columns_cu::aligned(part, y, at), [&]<int V>() {
      launch(add_columns_cu::add<V, T>, blocks(total, kBlock * V), kBlock, y.data<T>(),
             part.data<T>(), scale, total, part.cols(), y.cols(), at);
    });
  });
}

void add_columns_backward(const Tensor& dpart, const Tensor& dy, int64_t at, float scale) {
  const OpScope op("add_columns_backward", 2 * bytes_of(dpart));
  const int64_t total = dpart.numel();
  dispatch(dy.dtype(), [&]<typename T>() {
    with_width(add_columns_cu::aligned(dpart, dy, at), [&]<int V>() {
      launch(add_columns_cu::take<V, T>, blocks(total, kBlock * V), kBlock, dpart.data<T>(),
             dy.data<T>(), scale, total, dpart.cols(), dy.cols(), at);
    });
  });
}

}  // namespace lspt::cuda
