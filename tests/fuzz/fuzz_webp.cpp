// Any bytes are a WebP image or an Error(kData).
// seeds: tests/golden/images/*.webp
#include <cstdlib>

#include "data/images/codecs.h"
#include "engine/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const lspt::Image image = lspt::decode_webp({data, size}, "fuzz");
    if (image.pixels.size() != 3 * static_cast<size_t>(image.width) * image.height) std::abort();
  } catch (const lspt::Error& error) {
    if (error.kind() != lspt::ErrorKind::kData) std::abort();
  }
  return 0;
}
