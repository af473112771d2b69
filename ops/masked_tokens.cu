// Rows taken and put back by number. A thread owns V neighbouring elements of one row that is
// listed in the order, and finds the row's number, which its neighbours read too, in a cache; rows
// are read and written once, whole. A row of the result belongs to one place of the order, so that
// nothing is added by two threads. The mask token's gradient is a sum over images and masked rows:
// a thread sums one column of one image, in order, and sum_rows the images.
#include "engine/cuda.cuh"
#include "ops/masked_tokens.h"

namespace lspt::cuda {
namespace masked_tokens_cu {

/// Where rows 0 .. count-1 of an image come from or go to.
struct Places {
  const float* order;
  int64_t pitch, count, fixed, first, begin;
  __device__ int64_t row(int64_t image, int64_t i) const {
    return i < fixed ? i : first + static_cast<int64_t>(order[image * pitch + begin + i - fixed]);
  }
};

/// A thread owns V elements of the listed rows (B, count, D): from `from` if `gather`, else to it.
template <int V, bool kGather, typename S, typename T>
__global__ void move_rows(S* to, float beta, const T* from, int64_t total, int64_t width,
                          int64_t rows, Places places) {
  const int64_t at = thread_index() * V;
  if (at >= total) return;
  const int64_t listed = at / width, image = listed / places.count;
  const int64_t row = places.row(image, listed % places.count);
  const int64_t other = (image * rows + row) * width + at % width;
  S* out = to + (kGather ? at : other);
  float value[V], old[V] = {};
  load<V>(value, from + (kGather ? other : at));
  if (beta != 0.0f) load<V>(old, out);
  for (int k = 0; k < V; ++k) value[k] += old[k];
  store<V>(out, value);
}

/// A thread owns V elements of the row that the order's next place goes to.
template <int V, typename T>
__global__ void restore(T* y, const T* x, const float* mask, const float* positions, int64_t total,
                        int64_t width, int64_t visible, Places places) {
  const int64_t at = thread_index() * V;
  if (at >= total) return;
  const int64_t listed = at / width, image = listed / places.count, i = listed % places.count;
  const int64_t row = places.row(image, i), column = at % width;
  float value[V], position[V];
  if (i < visible)
    load<V>(value, x + (image * visible + i) * width + column);
  else
    load<V>(value, mask + column);
  load<V>(position, positions + row * width + column);
  for (int k = 0; k < V; ++k) value[k] += position[k];
  store<V>(y + (image * places.count + row) * width + column, value);
}

/// A thread owns one column of an image's masked rows.
template <typename T>
__global__ void sum_rows_by_number(float* sum, const T* x, int64_t total, int64_t width,
                                   int64_t rows, Places places) {
  const int64_t at = thread_index();
  if (at >= total) return;
  const int64_t image = at / width, column = at % width;
  float value = 0;
  for (int64_t i = 0; i < places.count; ++i)
    value += static_cast<float>(x[(image * rows + places.row(image, i)) * width + column]);
  sum[at] = value;
}

template <bool kGather>
void move(const Tensor& to, float beta, const Tensor& from, const Places& places) {
  const Tensor& listed = kGather ? to : from;
  const int64_t width = to.cols(), rows = (kGather ? from : to).dim(1);
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(from.dtype(), [&]<typename T>() {
      with_width(wide(width, to, from), [&]<int V>() {
        launch(move_rows<V, kGather, S, T>, blocks(listed.numel(), kBlock * V), kBlock,
               to.data<S>(), beta, from.data<T>(), listed.numel(), width, rows, places);
      });
    });
  });
}

}  // namespace masked_tokens_cu

void gather_rows(const Tensor& y, float beta, const Tensor& x, int64_t fixed, int64_t first,
                 const Tensor& order, int64_t begin) {
  const OpScope op("gather_rows", 2 * bytes_of(y) + bytes_of(order));
  masked_tokens_cu::move<true>(y, beta, x,
                               {order.data<float>(), order.dim(1), y.dim(1), fixed, first, begin});
}

void scatter_rows(const Tensor& y, const Tensor& x, int64_t first, const Tensor& order,
                  int64_t begin) {
  const OpScope op("scatter_rows", 3 * bytes_of(x) + bytes_of(order));
  masked_tokens_cu::move<false>(y, 1.0f, x,
                                {order.data<float>(), order.dim(1), x.dim(1), 0, first, begin});
}

void restore_forward(const Tensor& y, const Tensor& x, const Tensor& mask_token,
                     const Tensor& order, const Tensor& positions) {
  const OpScope op("restore_forward", bytes_of(y, x, order, positions));
  const masked_tokens_cu::Places places{order.data<float>(), order.dim(1), y.dim(1), 1, 1, 0};
  dispatch(y.dtype(), [&]<typename T>() {
    with_width(wide(y.cols(), y, x, mask_token, positions), [&]<int V>() {
      launch(masked_tokens_cu::restore<V, T>, blocks(y.numel(), kBlock * V), kBlock, y.data<T>(),
             x.data<T>(), mask_token.data<float>(), positions.data<float>(), y.numel(), y.cols(),
             x.dim(1), places);
    });
  });
}

void sum_masked(const Tensor& sum, const Tensor& x, const Tensor& order, int64_t begin) {
  const int64_t masked = order.dim(1) - begin;
  const OpScope op("sum_masked", bytes_of(sum) + x.dim(0) * masked * x.cols() *
                                                     static_cast<int64_t>(size_of(x.dtype())));
  const masked_tokens_cu::Places places{order.data<float>(), order.dim(1), masked, 0, 1, begin};
  dispatch(x.dtype(), [&]<typename T>() {
    launch(masked_tokens_cu::sum_rows_by_number<T>, blocks(sum.numel()), kBlock, sum.data<float>(),
           x.data<T>(), sum.numel(), x.cols(), x.dim(1), places);
  });
}

}  // namespace lspt::cuda
