// Any bytes are a TIFF image or an Error(kData).
// seeds: tests/golden/images/*.tif
#include "tests/fuzz/fuzz_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return lspt::testing::decode_with(lspt::decode_tiff, {data, size});
}
