/// What kernel files share: launching, checking, 16-byte accesses, sums in a fixed order.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <bit>
#include <utility>

#include "engine/cuda.h"
#include "engine/library.h"
#include "engine/tensor.h"

namespace lspt::cuda {

/// The one stream: whatever is put on it happens in order, memory is reused in that order.
cudaStream_t stream();

#ifdef CUBLAS_VER_MAJOR
inline constexpr const char* kCublasLt = LSPT_SONAME("cublasLt", CUBLAS_VER_MAJOR);
#else
inline constexpr const char* kCublasLt = "";  // emulated: a part of the program
#endif
#define LT(function) LSPT_FROM(::lspt::cuda::kCublasLt, function)

/// Throw Error naming the op under way, the call and the library's reason.
void check(cudaError_t status, const char* call);
void check(cublasStatus_t status, const char* call);
#define LSPT_CHECK(call) ::lspt::cuda::check((call), #call)

template <typename... Tensors>
int64_t bytes_of(const Tensors&... tensors) {
  return (static_cast<int64_t>(tensors.nbytes()) + ... + 0);
}

/// Stands in every launching function: names what is launched while it lives, for error messages,
/// NVTX and the profile. `bytes` is what must be read and written, `operations` what must be
/// computed.
class OpScope {
 public:
  OpScope(const char* name, int64_t bytes, int64_t operations = 0);
  ~OpScope();
  OpScope(const OpScope&) = delete;
  OpScope& operator=(const OpScope&) = delete;

 private:
  const char* outer_;
  size_t record_;  // of the profile
};

/// With LSPT_CUDA_SYNC=1 in the environment waits for what was launched, so that its error is found
/// where it was made.
void launched();

/// Puts a kernel of (grid, block) on the stream; a grid without blocks is nothing to do.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, unsigned block, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(block);
  config.stream = stream();
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "launch");
  launched();
}

constexpr unsigned kBlock = 256;  ///< threads of a block, where nothing speaks for another number
constexpr int kRowWarps = 4;      ///< warps of a block, where a warp owns a row
constexpr int kWide = 8;  ///< elements that a thread of a wide kernel owns: 16 bytes of bf16

/// Blocks for `count` pieces of work, `per_block` to a block.
inline unsigned blocks(int64_t count, int64_t per_block = kBlock) {
  const int64_t number = (count + per_block - 1) / per_block;
  require(number < (int64_t{1} << 31), "cuda: ", number, " blocks in one launch");
  return static_cast<unsigned>(number);
}

/// Whether rows of these tensors can be read by 16 bytes: their length is a multiple of 8 elements
/// and they begin at a multiple of 16 bytes.
template <typename... Tensors>
bool wide(int64_t row_length, const Tensors&... tensors) {
  return row_length % kWide == 0 && ((reinterpret_cast<uintptr_t>(tensors.raw()) % 16 == 0) && ...);
}

/// Calls body.template operator()<V>() with V = kWide or 1.
template <typename Body>
void with_width(bool is_wide, Body&& body) {
  if (is_wide)
    body.template operator()<kWide>();
  else
    body.template operator()<1>();
}

#ifdef __CUDACC__

/// Index of this thread in the launch, and of its element if every thread owns V.
__device__ inline int64_t thread_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

template <typename T>
struct alignas(16) Piece {  // 16 bytes
  T value[16 / sizeof(T)];
};

/// V neighbouring elements as float; by 16 bytes if V is kWide (`from` is aligned then).
template <int V, typename T>
__device__ inline void load(float (&to)[V], const T* from) {
  if constexpr (V == 1) {
    to[0] = from[0];
  } else {
    constexpr int kPart = 16 / sizeof(T);
#pragma unroll
    for (int part = 0; part < V / kPart; ++part) {
      const auto piece = std::bit_cast<Piece<T>>(reinterpret_cast<const uint4*>(from)[part]);
#pragma unroll
      for (int i = 0; i < kPart; ++i) to[part * kPart + i] = piece.value[i];
    }
  }
}

template <int V, typename T>
__device__ inline void store(T* to, const float (&from)[V]) {
  if constexpr (V == 1) {
    to[0] = from[0];
  } else {
    constexpr int kPart = 16 / sizeof(T);
#pragma unroll
    for (int part = 0; part < V / kPart; ++part) {
      Piece<T> piece;
#pragma unroll
      for (int i = 0; i < kPart; ++i) piece.value[i] = from[part * kPart + i];
      reinterpret_cast<uint4*>(to)[part] = std::bit_cast<uint4>(piece);
    }
  }
}

/// Sum and maximum over the 32 lanes of a warp; every lane gets the same bits.
__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0u, x, step);
  return x;
}
__device__ inline float warp_max(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, step));
  return x;
}

#endif

}  // namespace lspt::cuda
