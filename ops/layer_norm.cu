// y = (x - mean) rstd w + b over each row. A warp owns a row, of which a lane holds every 32nd
// piece of 16 bytes in registers: x is read once, with all its loads under way together, and the
// variance is that of differences, not of a difference of squares, which rows far from zero would
// ruin. Rows of more than 1,536 elements, or that 16 bytes do not divide, are read again from the
// first-level cache instead. Mean and rstd are kept, two numbers a row. Backward has the same
// owner: two sums of the row, then its gradient. Gradients of w and b sum down columns, as in
// engine/sum_rows.cu: a lane owns V columns of a chunk of rows, at which a block's warps take
// turns; chunks are added by sum_rows.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/layer_norm.h"

namespace lspt::cuda {
namespace layer_norm_cu {

/// A warp owns a row, lane i its pieces i, i + 32, ... of V elements. Calls body(p, j) with the
/// number p of a piece among this lane's and its first element j. P is how many of them registers
/// hold; with P = 0 none, p is always 0, and who needs a piece again reads it again.
template <int V, int P, typename Body>
__device__ void for_row(int64_t width, const Body& body) {
  const int64_t first = threadIdx.x % 32 * V;
  if constexpr (P == 0) {
    for (int64_t j = first; j < width; j += 32 * V) body(0, j);
  } else {
#pragma unroll
    for (int p = 0; p < P; ++p)
      if (const int64_t j = first + p * 32 * V; j < width) body(p, j);
  }
}
constexpr int held(int pieces) { return pieces > 0 ? pieces : 1; }

/// Calls body.template operator()<V, P>() with what rows of this width need.
template <typename Body>
void with_pieces(bool is_wide, int64_t width, Body&& body) {
  if (is_wide && width <= 3 * 32 * kWide)
    body.template operator()<kWide, 3>();
  else if (is_wide && width <= 6 * 32 * kWide)
    body.template operator()<kWide, 6>();
  else if (is_wide)
    body.template operator()<kWide, 0>();
  else
    body.template operator()<1, 0>();
}

__device__ int64_t row_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
}

template <int V, int P, typename T>
__global__ void normalize(T* y, float* statistics, const T* x, const float* weight,
                          const float* bias, int64_t rows, int64_t width, float eps) {
  const int64_t row = row_of_warp();
  if (row >= rows) return;
  const T* in = x + row * width;
  float value[held(P)][V];
  float sum = 0, squares = 0;
  for_row<V, P>(width, [&](int p, int64_t j) {
    load<V>(value[p], in + j);
    for (int k = 0; k < V; ++k) sum += value[p][k];
  });
  const float mean = warp_sum(sum) / static_cast<float>(width);
  for_row<V, P>(width, [&](int p, int64_t j) {
    if (P == 0) load<V>(value[p], in + j);
    for (int k = 0; k < V; ++k) squares += (value[p][k] - mean) * (value[p][k] - mean);
  });
  const float rstd = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(width) + eps);
  for_row<V, P>(width, [&](int p, int64_t j) {
    float w[V], b[V], to[V];
    if (P == 0) load<V>(value[p], in + j);
    for (int k = 0; k < V; ++k) w[k] = 1.0f, b[k] = 0.0f;
    if (weight) load<V>(w, weight + j);
    if (bias) load<V>(b, bias + j);
    for (int k = 0; k < V; ++k) to[k] = (value[p][k] - mean) * rstd * w[k] + b[k];
    store<V>(y + row * width + j, to);
  });
  if (threadIdx.x % 32 == 0) {
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = rstd;
  }
}

/// g = dy weight and n = (x - mean) rstd of a piece.
template <int V, typename T>
__device__ void load_gradient(float (&g)[V], float (&n)[V], const T* dy, const T* x,
                              const float* weight, float mean, float rstd) {
  load<V>(g, dy);
  load<V>(n, x);
  if (weight) {
    float w[V];
    load<V>(w, weight);
    for (int k = 0; k < V; ++k) g[k] *= w[k];
  }
  for (int k = 0; k < V; ++k) n[k] = (n[k] - mean) * rstd;
}

template <int V, int P, typename D, typename T>
__global__ void differentiate(D* dx, float beta, const T* dy, const T* x, const float* weight,
                              const float* statistics, int64_t rows, int64_t width) {
  const int64_t row = row_of_warp(), first = row * width;
  if (row >= rows) return;
  const float mean = statistics[2 * row], rstd = statistics[2 * row + 1];
  float g[held(P)][V], n[held(P)][V];
  const auto read = [&](int p, int64_t j) {
    load_gradient<V>(g[p], n[p], dy + first + j, x + first + j, weight ? weight + j : nullptr, mean,
                     rstd);
  };
  float sum_g = 0, sum_gn = 0;
  for_row<V, P>(width, [&](int p, int64_t j) {
    read(p, j);
    for (int k = 0; k < V; ++k) sum_g += g[p][k], sum_gn += g[p][k] * n[p][k];
  });
  const float mean_g = warp_sum(sum_g) / static_cast<float>(width);
  const float mean_gn = warp_sum(sum_gn) / static_cast<float>(width);
  for_row<V, P>(width, [&](int p, int64_t j) {
    float to[V], old[V] = {};
    if (P == 0) read(p, j);
    if (beta != 0.0f) load<V>(old, dx + first + j);
    for (int k = 0; k < V; ++k) to[k] = rstd * (g[p][k] - mean_g - n[p][k] * mean_gn) + old[k];
    store<V>(dx + first + j, to);
  });
}

constexpr int kWalkers = 8;  // warps of a block, which take turns at its rows

/// A block owns 32 V columns of a chunk of rows: their sums of dy n and of dy, (chunks, 2, width).
template <int V, typename T>
__global__ void affine_chunks(float* sums, const T* dy, const T* x, const float* statistics,
                              int64_t rows, int64_t width, int64_t chunk) {
  __shared__ float part[2][kWalkers][32 * V];
  const int lane = threadIdx.x % 32, walker = threadIdx.x / 32;
  const int64_t column = (static_cast<int64_t>(blockIdx.x) * 32 + lane) * V;
  const int64_t begin = blockIdx.y * chunk, end = begin + chunk < rows ? begin + chunk : rows;
  float sum[2][V] = {};
  if (column < width)
    for (int64_t row = begin + walker; row < end; row += kWalkers) {
      float g[V], n[V];
      load_gradient<V>(g, n, dy + row * width + column, x + row * width + column, nullptr,
                       statistics[2 * row], statistics[2 * row + 1]);
      for (int k = 0; k < V; ++k) sum[0][k] += g[k] * n[k], sum[1][k] += g[k];
    }
  for (int which = 0; which < 2; ++which)
    for (int k = 0; k < V; ++k) part[which][walker][lane * V + k] = sum[which][k];
  __syncthreads();
  if (walker > 1 || column >= width) return;  // walker 0 adds the one sum, walker 1 the other
  float total[V] = {};
  for (int other = 0; other < kWalkers; ++other)
    for (int k = 0; k < V; ++k) total[k] += part[walker][other][lane * V + k];
  store<V>(sums + (2 * blockIdx.y + walker) * width + column, total);
}

}  // namespace layer_norm_cu

void layer_norm_forward(const Tensor& y, const Tensor& statistics, const Tensor& x,
                        const Tensor& weight, const Tensor& bias, float eps) {
  const OpScope op("layer_norm_forward", bytes_of(y, statistics, x, weight, bias));
  dispatch(x.dtype(), [&]<typename T>() {
    const bool is_wide = wide(x.cols(), y, x, weight, bias);
    layer_norm_cu::with_pieces(is_wide, x.cols(), [&]<int V, int P>() {
      launch(layer_norm_cu::normalize<V, P, T>, blocks(x.rows(), kRowWarps), 32 * kRowWarps,
             y.data<T>(), statistics.data<float>(), x.data<T>(),
             weight ? weight.data<float>() : nullptr, bias ? bias.data<float>() : nullptr, x.rows(),
             x.cols(), eps);
    });
  });
}

void layer_norm_backward(const Tensor& dx, float beta, const Tensor& dy, const Tensor& x,
                         const Tensor& weight, const Tensor& statistics) {
  const OpScope op("layer_norm_backward",
                   bytes_of(dx, dy, x, weight, statistics) + (beta == 0.0f ? 0 : bytes_of(dx)));
  dispatch(x.dtype(), [&]<typename T>() {
    dispatch(dx.dtype(), [&]<typename D>() {
      const bool is_wide = wide(x.cols(), dx, dy, x, weight);
      layer_norm_cu::with_pieces(is_wide, x.cols(), [&]<int V, int P>() {
        launch(layer_norm_cu::differentiate<V, P, D, T>, blocks(x.rows(), kRowWarps),
               32 * kRowWarps, dx.data<D>(), beta, dy.data<T>(), x.data<T>(),
               weight ? weight.data<float>() : nullptr, statistics.data<float>(), x.rows(),
               x.cols());
      });
    });
  });
}

void layer_norm_affine_backward(const Tensor& dweight, const Tensor& dbias, const Tensor& dy,
                                const Tensor& x, const Tensor& statistics) {
  const OpScope op("layer_norm_affine_backward", bytes_of(dweight, dbias, dy, x, statistics));
  const int64_t rows = x.rows(), width = x.cols();
  // No more of them than sum_rows adds in one launch.
  const int64_t chunk = std::max<int64_t>(64, (rows + 127) / 128),
                chunks = (rows + chunk - 1) / chunk;
  const Tensor sums({chunks, 2, width}, DType::f32, Device::cuda);
  dispatch(x.dtype(), [&]<typename T>() {
    with_width(wide(width, dy, x), [&]<int V>() {
      launch(layer_norm_cu::affine_chunks<V, T>,
             dim3(blocks(width, 32 * V), static_cast<unsigned>(chunks)),
             32 * layer_norm_cu::kWalkers, sums.data<float>(), dy.data<T>(), x.data<T>(),
             statistics.data<float>(), rows, width, chunk);
    });
  });
  sum_rows(dweight, 0.0f, 1.0f, sums, {.rows = chunks, .row_stride = 2 * width});
  sum_rows(dbias, 0.0f, 1.0f, sums, {.rows = chunks, .row_stride = 2 * width, .offset = width});
}

}  // namespace lspt::cuda
