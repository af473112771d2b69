/// Functions of the kernels that the CUDA library does not have.
#pragma once

#include "engine/cuda.cuh"
#include "ops/math.h"

namespace lspt::cuda {

/// 1 / (1 + e^-x).
__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/// `normal` of ops/math.h by the special unit: one exponential, and for f32 one division.
template <typename T>
__device__ inline Normal normal(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const float e = __expf(-0.5f * x * x);
    const float tail = e * normal_tail(__fdividef(1.0f, 1.0f + 0.35f * fabsf(x)));
    return {x < 0.0f ? tail : 1.0f - tail, 0.398942280f * e};
  } else {
    const LogTail log = normal_log_tail(fminf(fabsf(x), 8.0f));
    const float tail = __expf(log.value);
    return {x < 0.0f ? tail : 1.0f - tail, -tail * log.slope};
  }
}

}  // namespace lspt::cuda
