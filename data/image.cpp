#include "data/image.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "data/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

// What a file that we cannot read is, for the message; "" if nothing known.
std::string_view other_format(std::string_view head) {
  if (head.starts_with("RIFF") && head.substr(8, 4) == "WEBP") return "a WebP image";
  if (head.starts_with(std::string_view("II*\0", 4)) ||
      head.starts_with(std::string_view("MM\0*", 4)))
    return "a TIFF image";
  if (head.substr(4, 8) == "ftypavif" || head.substr(4, 8) == "ftypheic")
    return "an AVIF or HEIC image";
  if (head.starts_with("<!DOCTYPE") || head.starts_with("<!doctype") || head.starts_with("<html") ||
      head.starts_with("<HTML"))
    return "an HTML page (a failed download?)";
  if (head.starts_with("<svg") || head.starts_with("<?xml")) return "an XML or SVG file";
  return "";
}

}  // namespace

void check_image_size(int64_t width, int64_t height, const std::string& name) {
  require(width > 0 && height > 0, ErrorKind::kData, "read image: ", name, ": size ", width, " x ",
          height, ", at least 1 x 1 expected");
  require(width <= kMaxPixels / height, ErrorKind::kData, "read image: ", name, ": size ", width,
          " x ", height, ", at most ", kMaxPixels / 1'000'000, " megapixels expected");
}

ImagePart decode_part(std::span<const uint8_t> bytes, const std::string& name,
                      const Wanted& wanted) {
  require(!bytes.empty(), ErrorKind::kData, "read image: ", name, ": the file is empty (0 bytes)");
  std::string head(16, '\0');
  std::copy_n(bytes.begin(), std::min(bytes.size(), head.size()), head.begin());
  if (head.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, name, wanted);
  if (head.starts_with("\x89PNG\r\n\x1a\n")) return ImagePart(decode_png(bytes, name));
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a"))
    return ImagePart(decode_gif(bytes, name));
  if (head.starts_with("BM")) return ImagePart(decode_bmp(bytes, name));
  const std::string_view other = other_format(head);
  fail(ErrorKind::kData, "read image: ", name, ": ",
       other.empty() ? "no known image format" : other,
       other.empty() ? " (" + std::to_string(bytes.size()) + " bytes)" : std::string(),
       "; JPEG, PNG, GIF or BMP expected");
}

ImagePart load_part(const std::string& path, const Wanted& wanted) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  require(file.is_open(), ErrorKind::kData, "read image: ", path, ": ", std::strerror(errno));
  const std::streamoff size = file.tellg();
  // Folders open too, with a size of 2^63 - 1.
  require(file.good() && size >= 0 && size < (int64_t{1} << 40), ErrorKind::kData,
          "read image: ", path, ": not a regular file");
  Pixels bytes(static_cast<size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  require(file.good(), ErrorKind::kData, "read image: ", path, ": ", std::strerror(errno));
  return decode_part(bytes, path, wanted);
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& name) {
  return decode_part(bytes, name, {}).pixels;
}

Image load_image(const std::string& path) { return load_part(path, {}).pixels; }

}  // namespace lspt
