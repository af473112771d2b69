// Sums down columns. Neighbouring threads own neighbouring columns, so that a warp reads whole
// lines of a row at once; rows are shared out twice, to the blocks in chunks of 128 and to a
// block's eight warps in turn. x is read once; a chunk's sums go through shared memory, the
// chunks' sums through a tensor that is summed in the same way. Atomic additions would save that
// second launch, but add in the order in which blocks happen to end: here the order depends on
// the sizes alone.
#include <algorithm>

#include "engine/cuda.cuh"
#include "engine/sum_rows.h"

namespace lspt::cuda {
namespace sum_rows_cu {

constexpr int kWalkers = 8;      // warps of a block, which take turns at the rows
constexpr int64_t kChunk = 128;  // rows of a block: three blocks a processor for 16,000 rows of 768

/// A block owns 32 V columns of one chunk of rows of one group. Lane i of every walker owns the
/// same V columns; walker w adds rows w, w + 8, ...; the walkers' sums are added in their order.
template <int V, typename S, typename T>
__global__ void add_up(S* sum, float beta, float scale, const T* x, Rows r, int64_t width,
                       int64_t tiles, int64_t chunks) {
  __shared__ float part[kWalkers][32 * V];
  const int lane = threadIdx.x % 32, walker = threadIdx.x / 32;
  const int64_t tile = blockIdx.x % tiles, chunk = blockIdx.x / tiles % chunks;
  const int64_t group = blockIdx.x / tiles / chunks, column = (tile * 32 + lane) * V;
  const int64_t begin = chunk * kChunk, end = begin + kChunk < r.rows ? begin + kChunk : r.rows;
  float total[V] = {};
  if (column < width)
    for (int64_t row = begin + walker; row < end; row += kWalkers) {
      float value[V];
      load<V>(value, x + r.offset + group * r.group_stride + row * r.row_stride + column);
      for (int k = 0; k < V; ++k) total[k] += value[k];
    }
  for (int k = 0; k < V; ++k) part[walker][lane * V + k] = total[k];
  __syncthreads();
  if (walker != 0 || column >= width) return;
  for (int other = 1; other < kWalkers; ++other)
    for (int k = 0; k < V; ++k) total[k] += part[other][lane * V + k];
  S* to = sum + (group * chunks + chunk) * width + column;
  float old[V] = {};
  if (beta != 0.0f) load<V>(old, to);
  for (int k = 0; k < V; ++k) total[k] = scale * total[k] + beta * old[k];
  store<V>(to, total);
}

}  // namespace sum_rows_cu

void sum_rows(const Tensor& sum, float beta, float scale, const Tensor& x, const Rows& r,
              const char* name) {
  if (sum.numel() == 0) return;
  const int64_t width = sum.numel() / r.groups;
  const OpScope op(
      name, bytes_of(sum) + r.groups * r.rows * width * static_cast<int64_t>(size_of(x.dtype())));
  const int64_t chunks =
      std::max<int64_t>(1, (r.rows + sum_rows_cu::kChunk - 1) / sum_rows_cu::kChunk);
  const bool one = chunks == 1;  // otherwise the chunks' sums first, and then the sum of those
  const Tensor to = one ? sum : Tensor({r.groups, chunks, width}, DType::f32, Device::cuda);
  const bool is_wide = wide(width, to, x) && r.offset % kWide == 0 && r.row_stride % kWide == 0 &&
                       r.group_stride % kWide == 0;
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      with_width(is_wide, [&]<int V>() {
        const int64_t tiles = (width + 32 * V - 1) / (32 * V);
        launch(sum_rows_cu::add_up<V, S, T>, blocks(r.groups * chunks * tiles, 1),
               32 * sum_rows_cu::kWalkers, to.data<S>(), one ? beta : 0.0f, one ? scale : 1.0f,
               x.data<T>(), r, width, tiles, chunks);
      });
    });
  });
  if (!one)
    sum_rows(
        sum, beta, scale, to,
        {.groups = r.groups, .group_stride = chunks * width, .rows = chunks, .row_stride = width});
}

}  // namespace lspt::cuda
