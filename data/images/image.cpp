#include "data/images/image.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

using namespace std::string_view_literals;

bool is_tiff(std::string_view head) {
  for (const std::string_view mark : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
    if (head.starts_with(mark)) return true;
  return false;
}

// Of an image or video that is not read, its name; "" if it is neither.
std::string_view foreign_format(std::string_view head) {
  if (head.starts_with("\x1a\x45\xdf\xa3")) return "a Matroska or WebM video";
  if (head.starts_with("RIFF") && head.substr(8, 4) == "AVI ") return "an AVI video";
  if (head.starts_with("\0\0\0\x0cJXL "sv) || head.starts_with("\xff\x0a"))
    return "a JPEG XL image";
  if (head.starts_with("\0\0\0\x0cjP  "sv)) return "a JPEG 2000 image";
  if (head.size() > 2 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' && head[2] == '\n')
    return "a PNM image";
  if (head.substr(4, 4) != "ftyp") return "";
  // Its brand; or, where that is a common one, those that it is compatible with.
  const std::string_view brands = head.substr(8);
  const auto has = [&](std::string_view brand) { return brands.find(brand) != brands.npos; };
  if (has("avif") || has("avis")) return "an AVIF image";
  if (has("heic") || has("heix") || has("heim") || has("heis") || has("mif1") || has("msf1"))
    return "a HEIC image";
  return "a video (MP4 or QuickTime)";
}

// What else is often found in the place of an image.
std::string_view other_format(std::string_view head) {
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
  std::string head(32, '\0');
  std::copy_n(bytes.begin(), std::min(bytes.size(), head.size()), head.begin());
  if (head.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, name, wanted);
  if (head.starts_with("\x89PNG\r\n\x1a\n")) return ImagePart(decode_png(bytes, name));
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a"))
    return ImagePart(decode_gif(bytes, name));
  if (head.starts_with("BM")) return ImagePart(decode_bmp(bytes, name));
  if (head.starts_with("RIFF") && head.substr(8, 4) == "WEBP")
    return ImagePart(decode_webp(bytes, name));
  if (is_tiff(head)) return ImagePart(decode_tiff(bytes, name));
  if (const std::string_view foreign = foreign_format(head); !foreign.empty())
    fail(ErrorKind::kData, "read image: ", name, ": ", foreign,
         ": not supported, convert it to JPEG or PNG");
  const std::string_view other = other_format(head);
  fail(ErrorKind::kData, "read image: ", name, ": ",
       other.empty() ? "no known image format" : other,
       other.empty() ? " (" + std::to_string(bytes.size()) + " bytes)" : std::string(),
       "; JPEG, PNG, GIF, BMP, WebP or TIFF expected");
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
