// Any bytes have a header, and are an image or an Error(kData). Sizes are kept small, so that runs
// are fast.
// seeds: tests/golden/images/*
#include <cstdlib>

#include "data/images/header.h"
#include "data/images/image.h"
#include "engine/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lspt::read_header({data, size});
  try {
    const lspt::Image image = lspt::decode_image({data, size}, "fuzz");
    if (image.pixels.size() != 3 * static_cast<size_t>(image.width) * image.height) std::abort();
  } catch (const lspt::Error& error) {
    if (error.kind() != lspt::ErrorKind::kData) std::abort();
  }
  return 0;
}
