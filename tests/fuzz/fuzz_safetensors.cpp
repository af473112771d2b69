// seeds: tests/golden/weights/*.safetensors
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return lspt::testing::read_weights(data, size, "safetensors");
}
