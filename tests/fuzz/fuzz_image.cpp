// Any bytes have a header, and are an image or an Error(kData). Sizes are kept small, so that runs
// are fast.
// seeds: tests/golden/images/*
#include "tests/fuzz/fuzz_image.h"

#include "data/images/header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lspt::read_header({data, size});
  return lspt::testing::decode_with(lspt::decode_image, {data, size});
}
