// Any bytes as a MAT-file.
// seeds: tests/golden/mat/*.mat
#include "data/mat/mat.h"
#include "engine/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    lspt::parse_mat({reinterpret_cast<const char*>(data), size}, "fuzz.mat");
  } catch (const lspt::Error&) {
  }
  return 0;
}
