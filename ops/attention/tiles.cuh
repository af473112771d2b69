/// What the kernels of ops/attention/tiled.cu have in common: where rows are, and products of
/// tiles.
#pragma once

#include "engine/cuda.cuh"

namespace lspt::cuda {

// A block works for one head of one image. Each of its warps owns four rows of one side (queries,
// or keys for dk and dv) and walks over the other side by tiles of 32, of which lane i owns row i
// in the scores and columns i, i + 32, ... in the products. All sums are f32, in one order.
constexpr int kWarps = 4, kOwn = 4, kTile = 32;
constexpr int kRows = kWarps * kOwn;  // rows that a block owns

/// Row r of head h of image b begins at data + b * image + r * row + h * depth.
template <typename T>
struct HeadRows {
  T* data = nullptr;
  int64_t image = 0, row = 0;
  __device__ T& at(int64_t b, int64_t r, int64_t column) const {
    return data[b * image + r * row + column];
  }
};

/// Rows of x (B, N, D), or (N, D) for every image, from a row and column on; nothing if x is empty.
template <typename T>
HeadRows<T> rows_of(const Tensor& x, int64_t row = 0, int64_t column = 0) {
  if (!x) return {};
  const int64_t width = x.cols();
  return {x.data<std::remove_const_t<T>>() + row * width + column,
          x.rank() == 2 ? 0 : x.dim(1) * width, width};
}

/// One side: `split` rows of `front` (prompts), then those of `back` (tokens), `count` in all.
template <typename F, typename T>
struct Side {
  HeadRows<F> front;
  HeadRows<T> back;
  int split = 0, count = 0;
};
template <typename T>
using Input = Side<const T, const T>;

struct Sizes {
  int heads, depth;
  const float* temperature;  // or none
  __device__ float scale() const {
    const float t = temperature ? fminf(fmaxf(*temperature, 0.01f), 10.0f) : 1.0f;
    return 1.0f / (sqrtf(static_cast<float>(depth)) * t);
  }
};

/// What a thread works on: image and head, the first row of its warp, its lane.
struct Place {
  int64_t image, head;
  int block_first, first, lane;
  __device__ explicit Place(const Sizes& s)
      : image(blockIdx.x / s.heads),
        head(blockIdx.x % s.heads),
        block_first(blockIdx.y * kRows),
        first(block_first + threadIdx.x / 32 * kOwn),
        lane(threadIdx.x % 32) {}
  __device__ int64_t statistic(int count, int row) const {  // of (images, heads, count)
    return static_cast<int64_t>(blockIdx.x) * count + row;
  }
};

/// tile[i] = row first + i as float, zeros past the last row and beyond the head's width.
template <int D, int N, typename T>
__device__ void load_tile(float (&tile)[N][D + 1], const Input<T>& side, int first, const Sizes& s,
                          const Place& p) {
  for (int i = threadIdx.x; i < N * D; i += 32 * kWarps) {
    const int row = first + i / D, column = i % D;
    float value = 0;
    if (row < side.count && column < s.depth)
      value = row < side.split ? side.front.at(p.image, row, p.head * s.depth + column)
                               : side.back.at(p.image, row - side.split, p.head * s.depth + column);
    tile[i / D][column] = value;
  }
}

/// score[k] = the warp's row k . the tile's row `lane`.
template <int D>
__device__ void dots(float (&score)[kOwn], const float (&own)[kRows][D + 1],
                     const float (&tile)[kTile][D + 1], const Place& p) {
  const int row = threadIdx.x / 32 * kOwn;
  for (int k = 0; k < kOwn; ++k) score[k] = 0;
#pragma unroll 8
  for (int d = 0; d < D; ++d) {
    const float other = tile[p.lane][d];
    for (int k = 0; k < kOwn; ++k) score[k] += own[row + k][d] * other;
  }
}

/// sum[k] += the sum over the tile's `rows` of that row's lane's weight[k] times the row. Weights
/// change hands through shared memory, all four of a lane in one read.
template <int D>
__device__ void add_weighted(float (&sum)[kOwn][D / 32], const float (&weight)[kOwn],
                             const float (&tile)[kTile][D + 1], int rows, const Place& p) {
  __shared__ Piece<float> exchange[kWarps][kTile];
  Piece<float>* const shared = exchange[threadIdx.x / 32];
  for (int k = 0; k < kOwn; ++k) shared[p.lane].value[k] = weight[k];
  __syncwarp();
  for (int i = 0; i < rows; ++i) {
    const Piece<float> w = shared[i];
    for (int c = 0; c < D / 32; ++c) {
      const float value = tile[i][c * 32 + p.lane];
      for (int k = 0; k < kOwn; ++k) sum[k][c] += w.value[k] * value;
    }
  }
  __syncwarp();
}

/// The warp's rows, each times its factor, to where they live; a part without memory is passed
/// over.
template <int D, typename F, typename T>
__device__ void store_rows(const Side<F, T>& side, const float (&sum)[kOwn][D / 32],
                           const float (&factor)[kOwn], const Sizes& s, const Place& p) {
  for (int k = 0; k < kOwn; ++k)
    for (int c = 0; c < D / 32; ++c) {
      const int row = p.first + k, column = c * 32 + p.lane;
      const int64_t at = p.head * s.depth + column;
      if (row >= side.count || column >= s.depth) continue;
      if (row < side.split) {
        if (side.front.data) side.front.at(p.image, row, at) = sum[k][c] * factor[k];
      } else if (side.back.data) {
        side.back.at(p.image, row - side.split, at) = sum[k][c] * factor[k];
      }
    }
}

}  // namespace lspt::cuda
