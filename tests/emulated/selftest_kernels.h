/// Right and wrong kernels for the check of the emulator.
#pragma once

#include "tests/emulated/cuda_runtime.h"

namespace {

__global__ void indices(unsigned* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  out[block * blockDim.x + threadIdx.x] += block * 1000 + threadIdx.x;
}

template <typename T>
__global__ void __launch_bounds__(256) tree_sum(T* sums, const T* values) {
  __shared__ T part[256];
  part[threadIdx.x] = values[blockIdx.x * 256 + threadIdx.x];
  __syncthreads();
  for (unsigned half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}

template <bool Barrier>
__global__ void mirror(int* out) {
  __shared__ int tile[64];
  tile[threadIdx.x] = static_cast<int>(blockIdx.x * 64 + threadIdx.x);
  if (Barrier) __syncthreads();
  out[blockIdx.x * 64 + threadIdx.x] = tile[63 - threadIdx.x];
}

/// A warp reads what the next one writes before its shuffle.
template <bool Barrier>
__global__ void next_warp(int* out) {
  __shared__ int tile[64];
  tile[threadIdx.x] = 0;
  __syncthreads();
  tile[threadIdx.x] = static_cast<int>(threadIdx.x) + 1;
  int sum = __shfl_xor_sync(~0u, 1, 1);
  if (Barrier) __syncthreads();
  sum += tile[(threadIdx.x + 32) % 64];
  out[threadIdx.x] = sum;
}

template <typename T>
__global__ void shuffles(T* out) {
  const unsigned lane = threadIdx.x % 32;
  T sum = static_cast<T>(threadIdx.x);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  T down = static_cast<T>(lane);
  for (unsigned step = 4; step > 0; step /= 2) down += __shfl_down_sync(~0u, down, step, 8);
  const T first = __shfl_sync(~0u, static_cast<T>(lane), 0, 16);
  // The halves of a warp may go their own ways, each with its mask.
  T half = 0;
  if (lane < 16)
    half = __shfl_sync(0xffffu, static_cast<T>(lane), 3);
  else
    half = __shfl_up_sync(0xffff0000u, static_cast<T>(lane), 1u, 16);
  __syncwarp();
  T* to = out + threadIdx.x * 4;
  to[0] = sum, to[1] = down, to[2] = first, to[3] = half;
}

__global__ void votes(unsigned* out) {
  const int odd = threadIdx.x % 2 != 0;
  const unsigned ballot = __ballot_sync(~0u, odd);
  const int any = __any_sync(~0u, threadIdx.x == 7), all = __all_sync(~0u, odd);
  out[threadIdx.x] = ballot + (any && !all ? 1 : 0);
}

enum class Mistake { returned, other_barrier, lost_lane, other_shuffle, unmasked, deaf, no_warp };

__global__ void mistaken(Mistake mistake) {
  const unsigned t = threadIdx.x;
  switch (mistake) {
    case Mistake::returned:
      if (t == 40) return;
      __syncthreads();
      return;
    case Mistake::other_barrier:
      if (t < 32)
        __syncthreads();
      else
        __syncthreads();
      return;
    case Mistake::lost_lane:
      if (t != 5) __shfl_xor_sync(~0u, 1.0f, 1);
      return;
    case Mistake::other_shuffle:
      if (t % 2 == 0)
        __shfl_xor_sync(~0u, 1.0f, 2);
      else
        __shfl_xor_sync(~0u, 1.0, 2);
      return;
    case Mistake::unmasked:
      __syncwarp(0xffffu);
      return;
    case Mistake::deaf:
      if (t < 16) __shfl_sync(0xffffu, 1, 16);
      return;
    case Mistake::no_warp:  // launched with half a warp
      __syncwarp();
      return;
  }
}

}  // namespace
