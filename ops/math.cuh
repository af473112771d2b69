/// Functions of the kernels that the CUDA library does not have.
#pragma once

#include "engine/cuda.cuh"

namespace lspt::cuda {

/// 1 / (1 + e^-x).
__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

}  // namespace lspt::cuda
