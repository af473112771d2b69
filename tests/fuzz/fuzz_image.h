/// What the fuzz targets of images share.
#pragma once

#include <cstdlib>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt::testing {

/// An image that is whole, or an Error(kData); anything else ends the program.
template <typename Decode>
int decode_with(const Decode& decode, std::span<const uint8_t> bytes) {
  try {
    const Image image = decode(bytes, "fuzz");
    if (image.pixels.size() != 3 * static_cast<size_t>(image.width) * image.height) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) std::abort();
  }
  return 0;
}

}  // namespace lspt::testing
