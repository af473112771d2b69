/// Functions of shared libraries that are loaded when the first of them is called. cuBLASLt and
/// cuDNN are half a gigabyte each: a program that was built for GPUs and computes on the CPU would
/// pay 0.1 s and 140 MiB at every start, and could not start without them.
#pragma once

#include <string>

namespace lspt::cuda {

/// Why a library cannot be loaded, or "". The empty name is the program itself.
std::string missing(const char* library);
/// Throws Error that names the library, the function and the system's reason.
void* symbol(const char* library, const char* name);

}  // namespace lspt::cuda

/// The name of a library that goes with headers of a major version, which is a macro.
#define LSPT_SONAME(name, major) "lib" name ".so." LSPT_TEXT_OF(major)
#define LSPT_TEXT_OF(macro) LSPT_TEXT(macro)
#define LSPT_TEXT(text) #text

/// The function of that name and type from the library.
#define LSPT_FROM(library, function)                                                     \
  ([]() -> decltype(&function) {                                                         \
    static const auto lspt_symbol =                                                      \
        reinterpret_cast<decltype(&function)>(::lspt::cuda::symbol(library, #function)); \
    return lspt_symbol;                                                                  \
  }())
