// [s | h] in one pass from where prompts, mean and state are, and its gradient back the same way. A
// thread owns V neighbours of a row; each is read once and written once.
#include "engine/cuda.cuh"
#include "ops/lstm_input.h"

namespace lspt::cuda {
namespace lstm_input_cu {

/// A thread owns V elements of a row of [s | h], which it reads where they are.
template <int V, typename T>
__global__ void gather_input(T* to, const T* x, const T* mean, const T* h, int64_t count,
                             int64_t pitch, int64_t width, int64_t rows, int64_t each,
                             int64_t begin) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const int64_t row = i / pitch, column = i % pitch, image = row / each;
  float value[V], added[V] = {};
  if (column < width) {
    load<V>(value, x + (image * rows + begin + row % each) * width + column);
    if (mean) load<V>(added, mean + image * width + column);
    for (int k = 0; k < V; ++k) value[k] += added[k];
  } else {
    load<V>(value, h + row * (pitch - width) + column - width);
  }
  store<V>(to + i, value);
}

/// A thread owns V elements of a row of the gradient of [s | h], and adds them where they belong.
template <int V, typename S, typename U, typename T>
__global__ void scatter_input(S* dx, U* dh, float beta, const T* dto, int64_t count, int64_t pitch,
                              int64_t width, int64_t rows, int64_t each, int64_t begin) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  const int64_t row = i / pitch, column = i % pitch;
  float value[V], old[V] = {};
  load<V>(value, dto + i);
  if (column < width) {
    if (!dx) return;
    S* to = dx + (row / each * rows + begin + row % each) * width + column;
    load<V>(old, to);
    for (int k = 0; k < V; ++k) value[k] += old[k];
    store<V>(to, value);
  } else {
    if (!dh) return;
    U* to = dh + row * (pitch - width) + column - width;
    if (beta != 0.0f) load<V>(old, to);
    for (int k = 0; k < V; ++k) value[k] += old[k];
    store<V>(to, value);
  }
}

}  // namespace lstm_input_cu

void lstm_input(const Tensor& to, const Tensor& x, int64_t begin, const Tensor& mean,
                const Tensor& h) {
  const OpScope op("lstm_input", 2 * bytes_of(to));
  const int64_t width = x.cols(), images = x.rank() == 3 ? x.dim(0) : 1;
  dispatch(to.dtype(), [&]<typename T>() {
    with_width(wide(width, to, x, mean, h) && to.cols() % kWide == 0, [&]<int V>() {
      launch(lstm_input_cu::gather_input<V, T>, blocks(to.numel(), kBlock * V), kBlock,
             to.data<T>(), x.data<T>(), mean ? mean.data<T>() : nullptr, h ? h.data<T>() : nullptr,
             to.numel(), to.cols(), width, x.dim(-2), to.rows() / images, begin);
    });
  });
}

void lstm_input_backward(const Tensor& dx, int64_t begin, const Tensor& dh, float beta,
                         const Tensor& dto) {
  const OpScope op("lstm_input_backward", 3 * bytes_of(dto));
  const int64_t width = dx ? dx.cols() : dto.cols() - dh.cols();
  const int64_t images = dx && dx.rank() == 3 ? dx.dim(0) : 1;
  dispatch(dx ? dx.dtype() : dto.dtype(), [&]<typename S>() {
    dispatch(dh ? dh.dtype() : dto.dtype(), [&]<typename U>() {
      dispatch(dto.dtype(), [&]<typename T>() {
        with_width(wide(width, dx, dh, dto) && dto.cols() % kWide == 0, [&]<int V>() {
          launch(lstm_input_cu::scatter_input<V, S, U, T>, blocks(dto.numel(), kBlock * V), kBlock,
                 dx ? dx.data<S>() : nullptr, dh ? dh.data<U>() : nullptr, beta, dto.data<T>(),
                 dto.numel(), dto.cols(), width, dx ? dx.dim(-2) : 0, dto.rows() / images, begin);
        });
      });
    });
  });
}

}  // namespace lspt::cuda
