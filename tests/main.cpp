#include <doctest/doctest.h>

#include <cstdio>

#include "tests/gpu.h"

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const std::string why = lspt::test::no_gpu();
  if (!why.empty()) context.addFilter("test-suite-exclude", "GPU");
  int failed = context.run();
  if (context.shouldExit() || why.empty()) return failed;
  std::printf("%d GPU cases did not run: %s\n", lspt::test::gpu_cases, why.c_str());
  // A card that is there and cannot be used is no reason to pass.
  if constexpr (lspt::kHasCuda) failed |= lspt::cuda::is_there();
  return failed;
}
