/// Functions of shared libraries that are loaded when the first of them is called. cuBLASLt and
/// cuDNN are half a gigabyte each: a program that was built for GPUs and computes on the CPU would
/// pay 0.1 s and 140 MiB at every start, and could not start without them.
#pragma once

#include <string>

namespace lspt::cuda {

inline constexpr const char* kCublasLt = "libcublasLt.so.13";
inline constexpr const char* kCudnn = "libcudnn.so.9";

/// Why a library cannot be loaded, or "".
std::string missing(const char* library);
/// Throws Error that names the library, the function and the system's reason.
void* symbol(const char* library, const char* name);

}  // namespace lspt::cuda

/// The function of that name and type from the library.
#define LSPT_FROM(library, function)                                                     \
  ([]() -> decltype(&function) {                                                         \
    static const auto lspt_symbol =                                                      \
        reinterpret_cast<decltype(&function)>(::lspt::cuda::symbol(library, #function)); \
    return lspt_symbol;                                                                  \
  }())
