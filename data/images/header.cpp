#include "data/images/header.h"

#include <algorithm>
#include <string_view>

namespace lspt {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const uint8_t>;

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::string_view(reinterpret_cast<const char*>(bytes.data()), text.size()) == text;
}

// `count` bytes at `at` as a number, 0 past the end.
size_t number(Bytes bytes, size_t at, size_t count, bool little = false) {
  if (at > bytes.size() || bytes.size() - at < count) return 0;
  size_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | bytes[at + (little ? count - 1 - i : i)];
  return value;
}

// The first number of a tag in a TIFF, 1 if the tag is not there or its number not in the table.
// TIFF: byte order, 42, offset of a table; the table: count, entries of 12 bytes (tag, type, ...).
size_t tag_of(Bytes tiff, size_t tag) {
  const bool little = begins(tiff, "II");
  const size_t table = number(tiff, 4, 4, little);
  const size_t count = number(tiff, table, 2, little);
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = table + 2 + 12 * i;
    if (number(tiff, entry, 2, little) != tag) continue;
    const bool inside = number(tiff, entry + 4, 4, little) <= 2;  // two short numbers, or one
    return inside ? number(tiff, entry + 8, 2, little)
                  : number(tiff, number(tiff, entry + 8, 4, little), 2, little);
  }
  return 1;
}

int orientation_of(Bytes tiff) {
  const size_t value = tag_of(tiff, 0x0112);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

void walk_tiff(Bytes bytes, ImageHeader& header) {
  const size_t photometric = tag_of(bytes, 262), samples = tag_of(bytes, 277);
  header.deep = tag_of(bytes, 258) > 8;
  header.gray = photometric <= 1;
  header.cmyk = photometric == 5;
  header.alpha = samples == (header.cmyk ? 5u : photometric == 2 ? 4u : 2u);
}

void walk_webp(Bytes bytes, ImageHeader& header) {
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const size_t length = std::min(number(bytes, at + 4, 4, true), bytes.size() - at - 8);
    const Bytes chunk = bytes.subspan(at), body = chunk.subspan(8, length);
    if (begins(chunk, "VP8X")) header.alpha = number(body, 0, 1) & 16;
    if (begins(chunk, "VP8L")) header.alpha = number(body, 4, 1) & 16;
    if (begins(chunk, "EXIF"))
      header.orientation = orientation_of(body.subspan(begins(body, "Exif\0\0"sv) ? 6 : 0));
    at += 8 + length + length % 2;
  }
}

void walk_jpeg(Bytes bytes, ImageHeader& header) {
  for (size_t at = 2; at + 4 <= bytes.size() && bytes[at] == 0xff;) {
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    const size_t length = number(bytes, at + 2, 2);
    if (marker == 0xda || length < 2) return;  // pixels begin
    const Bytes body = bytes.subspan(at + 4, std::min(length - 2, bytes.size() - at - 4));
    const bool tables = marker == 0xc4 || marker == 0xc8 || marker == 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !tables) {  // a frame's: precision, size, channels
      header.deep = number(body, 0, 1) > 8;
      header.gray = number(body, 5, 1) == 1;
      header.cmyk = number(body, 5, 1) == 4;
    }
    if (marker == 0xe1 && begins(body, "Exif\0\0"sv))
      header.orientation = orientation_of(body.subspan(6));
    at += 2 + length;
  }
}

void walk_png(Bytes bytes, ImageHeader& header) {
  const size_t color = number(bytes, 25, 1);
  header.deep = number(bytes, 24, 1) > 8;
  header.gray = color == 0 || color == 4;
  header.alpha = color == 4 || color == 6;
  for (size_t at = 8; at + 12 <= bytes.size();) {
    const size_t length = number(bytes, at, 4);
    const Bytes type = bytes.subspan(at + 4);
    if (length > bytes.size() - at - 12) return;
    if (begins(type, "tRNS")) header.alpha = true;
    if (begins(type, "eXIf")) header.orientation = orientation_of(type.subspan(4, length));
    at += 12 + length;
  }
}

}  // namespace

ImageHeader read_header(Bytes bytes) {
  ImageHeader header;
  if (begins(bytes, "\xff\xd8\xff")) {
    header.format = ImageHeader::jpeg;
    walk_jpeg(bytes, header);
  } else if (begins(bytes, "\x89PNG\r\n\x1a\n")) {
    header.format = ImageHeader::png;
    walk_png(bytes, header);
  } else if (begins(bytes, "BM")) {
    header.format = ImageHeader::bmp;
  } else if (begins(bytes, "GIF8")) {
    header.format = ImageHeader::gif;
  } else if (begins(bytes, "RIFF") && bytes.size() >= 12 && begins(bytes.subspan(8), "WEBP")) {
    header.format = ImageHeader::webp;
    walk_webp(bytes, header);
  } else if (begins(bytes, "II*\0"sv) || begins(bytes, "MM\0*"sv)) {
    header.format = ImageHeader::tiff;
    walk_tiff(bytes, header);
  } else if (begins(bytes, "II+\0"sv) || begins(bytes, "MM\0+"sv)) {
    header.format = ImageHeader::tiff;
  }
  return header;
}

}  // namespace lspt
