/// Whether tests can use a GPU: TEST_CASE("... on the GPU" * needs_gpu()).
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "engine/cuda.h"
#include "engine/kernel.h"

namespace lspt::test {

/// Empty if there is one that can be used.
inline std::string no_gpu() {
  if constexpr (kHasCuda) return cuda::unusable();
  return "built without CUDA";
}

/// Whether it is the emulated one of tests/emulated: right, but slow.
inline bool gpu_is_emulated() {
  if constexpr (kHasCuda) return no_gpu().empty() && cuda::describe().starts_with("emulated");
  return false;
}

/// How many cases say that they need one.
inline int gpu_cases = 0;

/// Puts a case into the suite that main leaves out where there is no GPU. Decorators are evaluated
/// while static objects are made, when nobody can know yet: kernels are not registered.
inline auto needs_gpu() {
  ++gpu_cases;
  return doctest::test_suite("GPU");
}

}  // namespace lspt::test
