/// One kernel signature, two devices, one dispatch.
#pragma once

#include "engine/tensor.h"

namespace lspt {

#ifdef LSPT_CUDA
inline constexpr bool kHasCuda = true;
#else
inline constexpr bool kHasCuda = false;
#endif

/// DECLARE_KERNEL(name, parameters...) declares cpu::name and cuda::name with one signature and
/// `name`, which calls the one of its first argument's device. Kernels take Tensors, outputs first;
/// an empty Tensor means "not wanted". In a build without CUDA the other branch is discarded, so
/// nothing is missing at link time.
#define DECLARE_KERNEL(name, ...)                                            \
  namespace cpu {                                                            \
  void name(__VA_ARGS__);                                                    \
  }                                                                          \
  namespace cuda {                                                           \
  void name(__VA_ARGS__);                                                    \
  }                                                                          \
  template <typename... Rest>                                                \
  void name(const Tensor& first, Rest&&... rest) {                           \
    if constexpr (kHasCuda)                                                  \
      if (first.device() == Device::cuda) return cuda::name(first, rest...); \
    cpu::name(first, rest...);                                               \
  }                                                                          \
  static_assert(true)

}  // namespace lspt
