#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/gpu.h"

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int failed = context.run();
  const std::string why = lspt::test::no_gpu();
  if (!why.empty())
    std::printf("%d GPU cases did not run: %s\n", lspt::test::gpu_cases, why.c_str());
  return failed;
}
