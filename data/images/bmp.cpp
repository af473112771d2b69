// BMP by stb_image, behind checks that it leaves out: it reads zeros past the end of a file.
#include <algorithm>
#include <cstdlib>
#include <memory>

#define STBI_NO_STDIO
#include <stb/stb_image.h>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

int64_t little32(const uint8_t* p) {
  return int64_t{p[3]} << 24 | int64_t{p[2]} << 16 | int64_t{p[1]} << 8 | p[0];
}

}  // namespace

Image decode_bmp(std::span<const uint8_t> bytes, const std::string& name) {
  require(bytes.size() < (size_t{1} << 31), ErrorKind::kData, "read image: ", name, ": ",
          bytes.size(), " bytes, less than 2 GiB expected");
  require(bytes.size() >= 54 && little32(&bytes[14]) >= 40, ErrorKind::kData, "read image: ", name,
          ": truncated or old BMP, a header of at least 54 bytes expected");
  const int64_t width = little32(&bytes[18]);
  const int64_t height = std::abs(static_cast<int64_t>(static_cast<int32_t>(little32(&bytes[22]))));
  check_image_size(width, height, name);
  const int64_t bits = bytes[28] | bytes[29] << 8;
  require(bits != 16, ErrorKind::kData, "read image: ", name,
          ": BMP of 16 bits a pixel, 1, 4, 8, 24 or 32 expected");
  const int64_t need = little32(&bytes[10]) + (width * bits + 31) / 32 * 4 * height;
  require(bits > 0 && need <= static_cast<int64_t>(bytes.size()), ErrorKind::kData,
          "read image: ", name, ": truncated or compressed BMP, ", bytes.size(), " bytes, ", need,
          " expected");
  int columns = 0, rows = 0, channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&std::free)> rgb(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &columns, &rows,
                            &channels, 3),
      std::free);
  require(rgb != nullptr, ErrorKind::kData, "read image: ", name, ": ", stbi_failure_reason());
  Image image(columns, rows);
  std::copy_n(rgb.get(), image.pixels.size(), image.pixels.begin());
  return image;
}

}  // namespace lspt
