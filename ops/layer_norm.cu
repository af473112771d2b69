// y = (x - mean) rstd w + b over each row. A warp owns a row and walks over it three times (sum,
// squares around the mean, output): 768 elements are 1.5 to 3 KB, so the second and third walk
// read the first-level cache, and the variance is that of differences, not of a difference of
// squares, which rows far from zero would ruin. Mean and rstd are kept, two numbers a row.
// Backward has the same owner: two sums of the row, then its gradient. Gradients of w and b sum
// down columns: a thread owns a column of a chunk of rows, chunks are added by sum_rows.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/layer_norm.h"

namespace lspt::cuda {
namespace layer_norm_cu {

/// A warp owns a row, lane i its elements V i, V (i + 32), ... Calls body(j) with the first element
/// of each piece of V that this lane owns of a row.
template <int V, typename Body>
__device__ void for_row(int64_t width, const Body& body) {
  for (int64_t j = threadIdx.x % 32 * V; j < width; j += 32 * V) body(j);
}

__device__ int64_t row_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
}

/// Three passes over a row, of which the second and third find it in the first-level cache.
template <int V, typename T>
__global__ void normalize(T* y, float* statistics, const T* x, const float* weight,
                          const float* bias, int64_t rows, int64_t width, float eps) {
  const int64_t row = row_of_warp();
  if (row >= rows) return;
  const T* in = x + row * width;
  float sum = 0;
  for_row<V>(width, [&](int64_t j) {
    float value[V];
    load<V>(value, in + j);
    for (int k = 0; k < V; ++k) sum += value[k];
  });
  const float mean = warp_sum(sum) / static_cast<float>(width);
  float squares = 0;
  for_row<V>(width, [&](int64_t j) {
    float value[V];
    load<V>(value, in + j);
    for (int k = 0; k < V; ++k) squares += (value[k] - mean) * (value[k] - mean);
  });
  const float rstd = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(width) + eps);
  for_row<V>(width, [&](int64_t j) {
    float value[V], w[V], b[V];
    load<V>(value, in + j);
    for (int k = 0; k < V; ++k) w[k] = 1.0f, b[k] = 0.0f;
    if (weight) load<V>(w, weight + j);
    if (bias) load<V>(b, bias + j);
    for (int k = 0; k < V; ++k) value[k] = (value[k] - mean) * rstd * w[k] + b[k];
    store<V>(y + row * width + j, value);
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

template <int V, typename D, typename T>
__global__ void differentiate(D* dx, float beta, const T* dy, const T* x, const float* weight,
                              const float* statistics, int64_t rows, int64_t width) {
  const int64_t row = row_of_warp(), first = row * width;
  if (row >= rows) return;
  const float mean = statistics[2 * row], rstd = statistics[2 * row + 1];
  float sum_g = 0, sum_gn = 0;
  for_row<V>(width, [&](int64_t j) {
    float g[V], n[V];
    load_gradient<V>(g, n, dy + first + j, x + first + j, weight ? weight + j : nullptr, mean,
                     rstd);
    for (int k = 0; k < V; ++k) sum_g += g[k], sum_gn += g[k] * n[k];
  });
  const float mean_g = warp_sum(sum_g) / static_cast<float>(width);
  const float mean_gn = warp_sum(sum_gn) / static_cast<float>(width);
  for_row<V>(width, [&](int64_t j) {
    float g[V], n[V], old[V] = {};
    load_gradient<V>(g, n, dy + first + j, x + first + j, weight ? weight + j : nullptr, mean,
                     rstd);
    if (beta != 0.0f) load<V>(old, dx + first + j);
    for (int k = 0; k < V; ++k) g[k] = rstd * (g[k] - mean_g - n[k] * mean_gn) + old[k];
    store<V>(dx + first + j, g);
  });
}

/// A thread owns a column of a chunk of rows: its sums of dy n and of dy, (chunks, 2, width).
template <typename T>
__global__ void affine_chunks(float* sums, const T* dy, const T* x, const float* statistics,
                              int64_t rows, int64_t width, int64_t chunk) {
  const int64_t column = thread_index();
  if (column >= width) return;
  const int64_t begin = blockIdx.y * chunk, end = begin + chunk < rows ? begin + chunk : rows;
  float sum_w = 0, sum_b = 0;
  for (int64_t row = begin; row < end; ++row) {
    const float g = dy[row * width + column], value = x[row * width + column];
    sum_w += g * ((value - statistics[2 * row]) * statistics[2 * row + 1]);
    sum_b += g;
  }
  sums[(2 * blockIdx.y) * width + column] = sum_w;
  sums[(2 * blockIdx.y + 1) * width + column] = sum_b;
}

}  // namespace layer_norm_cu

void layer_norm_forward(const Tensor& y, const Tensor& statistics, const Tensor& x,
                        const Tensor& weight, const Tensor& bias, float eps) {
  const OpScope op("layer_norm_forward", bytes_of(y, statistics, x, weight, bias));
  dispatch(x.dtype(), [&]<typename T>() {
    with_width(wide(x.cols(), y, x, weight, bias), [&]<int V>() {
      launch(layer_norm_cu::normalize<V, T>, blocks(x.rows(), kRowWarps), 32 * kRowWarps,
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
      with_width(wide(x.cols(), dx, dy, x, weight), [&]<int V>() {
        launch(layer_norm_cu::differentiate<V, D, T>, blocks(x.rows(), kRowWarps), 32 * kRowWarps,
               dx.data<D>(), beta, dy.data<T>(), x.data<T>(),
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
  const int64_t chunk = std::max<int64_t>(64, (rows + 511) / 512),
                chunks = (rows + chunk - 1) / chunk;
  const Tensor sums({chunks, 2, width}, DType::f32, Device::cuda);
  dispatch(x.dtype(), [&]<typename T>() {
    launch(layer_norm_cu::affine_chunks<T>, dim3(blocks(width, 128), static_cast<unsigned>(chunks)),
           128, sums.data<float>(), dy.data<T>(), x.data<T>(), statistics.data<float>(), rows,
           width, chunk);
  });
  sum_rows(dweight, 0.0f, 1.0f, sums, {.rows = chunks, .row_stride = 2 * width});
  sum_rows(dbias, 0.0f, 1.0f, sums, {.rows = chunks, .row_stride = 2 * width, .offset = width});
}

}  // namespace lspt::cuda
