/// What the tests of data/ share: the test pattern and images made of it.
#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "data/images/image.h"
#include "engine/error.h"
#include "tests/errors.h"
#include "tests/files.h"

namespace lspt {

inline const std::string kImages = "tests/golden/images/";

inline Image decode(const std::string& bytes, const std::string& name = "bytes") {
  return decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name);
}

inline unsigned long crc(const void* data, size_t size) {
  return crc32(0, static_cast<const Bytef*>(data), static_cast<uInt>(size));
}

/// pattern() of tests/golden/make_images.py.
inline Image pattern(int width, int height) {
  Image image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.row(y)[3 * x + c] = static_cast<uint8_t>(x * 37 + y * 91 + c * 53 + (x * y) % 97 * 3 +
                                                       (x / 5 + y / 7) % 2 * 128);
  return image;
}

/// A small JPEG whose colours depend on `k`.
inline std::string jpeg(int k, int width = 40, int height = 30) {
  Image image(width, height);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(40 * k + static_cast<int>(i / 9));
  const std::vector<uint8_t> bytes = encode_jpeg(image, 90);
  return {bytes.begin(), bytes.end()};
}

}  // namespace lspt
