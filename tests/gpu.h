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

inline auto needs_gpu() { return doctest::skip(!no_gpu().empty()); }

}  // namespace lspt::test
