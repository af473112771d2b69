/// What the tests of data/ share: a temporary folder, the test pattern, errors as text.
#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "data/images/image.h"
#include "engine/error.h"
#include "tests/errors.h"

namespace lspt {

inline const std::string kImages = "tests/golden/images/";

/// A folder of its own, removed at the end.
class TempFolder {
 public:
  TempFolder() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base ? base : "/tmp") + "/lspt-data-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  /// Writes a file, making its folders; returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

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
