// y = x + r with r repeated: one kernel for equal shapes (a row of everything), a row for all
// tokens (position embeddings) and a row an image. A thread owns V neighbours of y; r is small
// or read in order, so it comes from a cache. The gradient of r sums over what it was repeated
// for (sum_rows).
#include "engine/cuda.cuh"
#include "ops/add.h"

namespace lspt::cuda {
namespace add_cu {

/// A thread owns V elements of x seen as (G, repeats, width); r is (G, width).
template <int V, typename T>
__global__ void add_repeated(T* y, const T* x, const T* r, int64_t count, int64_t width,
                             int64_t repeats) {
  const int64_t i = thread_index() * V;
  if (i >= count) return;
  float sum[V], more[V];
  load<V>(sum, x + i);
  load<V>(more, r + i / (repeats * width) * width + i % width);
  for (int k = 0; k < V; ++k) sum[k] += more[k];
  store<V>(y + i, sum);
}

}  // namespace add_cu

void add_forward(const Tensor& y, const Tensor& x, const Tensor& r, int64_t groups) {
  if (x.numel() == 0) return;
  const OpScope op("add", bytes_of(y, x, r));
  const int64_t width = r.numel() / groups;
  dispatch(x.dtype(), [&]<typename T>() {
    with_width(wide(width, y, x, r), [&]<int V>() {
      launch(add_cu::add_repeated<V, T>, blocks(x.numel(), kBlock * V), kBlock, y.data<T>(),
             x.data<T>(), r.data<T>(), x.numel(), width, x.numel() / r.numel());
    });
  });
}

}  // namespace lspt::cuda
