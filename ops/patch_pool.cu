// The mean of patch rows: forward is sum_rows over each image's rows, with 1 / count as the
// factor. Backward gives each row the image's gradient divided by the count: a thread owns V
// elements of dx and finds dy, one row an image, in a cache.
#include "engine/cuda.cuh"
#include "ops/patch_pool.h"

namespace lspt::cuda {
namespace patch_pool_cu {

/// A thread owns V elements of the rows [begin, begin + count) of an image.
template <int V, typename S, typename T>
__global__ void spread(S* dx, float beta, const T* dy, int64_t total, int64_t rows, int64_t width,
                       int64_t begin, int64_t count) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  const int64_t image = i / (count * width), within = i % (count * width);
  S* to = dx + (image * rows + begin) * width + within;
  float g[V], old[V] = {};
  load<V>(g, dy + image * width + within % width);
  if (beta != 0.0f) load<V>(old, to);
  for (int k = 0; k < V; ++k) g[k] = beta * old[k] + g[k] / static_cast<float>(count);
  store<V>(to, g);
}

}  // namespace patch_pool_cu

void patch_pool_backward(const Tensor& dx, float beta, const Tensor& dy, int64_t begin,
                         int64_t end) {
  const int64_t width = dx.dim(2), total = dx.dim(0) * (end - begin) * width;
  const OpScope op(
      "patch_pool_backward",
      bytes_of(dy) + total * static_cast<int64_t>(size_of(dx.dtype())) * (beta == 0.0f ? 1 : 2));
  dispatch(dx.dtype(), [&]<typename S>() {
    dispatch(dy.dtype(), [&]<typename T>() {
      with_width(wide(width, dx, dy), [&]<int V>() {
        launch(patch_pool_cu::spread<V, S, T>, blocks(total, kBlock * V), kBlock, dx.data<S>(),
               beta, dy.data<T>(), total, dx.dim(1), width, begin, end - begin);
      });
    });
  });
}

}  // namespace lspt::cuda
