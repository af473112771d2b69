// PNG of 8-bit RGB: signature, header, one compressed stream, end. Every row is filtered by "sub"
// (each byte less the one three before it), which photographs and flat areas both compress well by.
#include <zlib.h>

#include <cstring>

#include "data/images/image.h"
#include "engine/error.h"

namespace lspt {
namespace {

void put_big32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

/// Length, name, content, and a checksum of name and content.
void put_chunk(std::vector<uint8_t>& out, const char* name, const std::vector<uint8_t>& content) {
  put_big32(out, static_cast<uint32_t>(content.size()));
  const size_t begin = out.size();
  out.insert(out.end(), name, name + 4);
  out.insert(out.end(), content.begin(), content.end());
  put_big32(out, static_cast<uint32_t>(
                     crc32(0, out.data() + begin, static_cast<uInt>(out.size() - begin))));
}

}  // namespace

std::vector<uint8_t> encode_png(const Image& image) {
  check_image_size(image.width, image.height, "encode_png");
  std::vector<uint8_t> rows;
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* row = image.row(y);
    rows.push_back(1);
    for (int i = 0; i < 3 * image.width; ++i)
      rows.push_back(static_cast<uint8_t>(row[i] - (i < 3 ? 0 : row[i - 3])));
  }
  uLongf bytes = compressBound(rows.size());
  std::vector<uint8_t> stream(bytes);
  require(compress2(stream.data(), &bytes, rows.data(), rows.size(), 6) == Z_OK,
          "encode_png: zlib");
  stream.resize(bytes);

  std::vector<uint8_t> out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  std::vector<uint8_t> header;
  put_big32(header, static_cast<uint32_t>(image.width));
  put_big32(header, static_cast<uint32_t>(image.height));
  for (const uint8_t byte : {8, 2, 0, 0, 0}) header.push_back(byte);  // 8 bits, RGB, one pass
  put_chunk(out, "IHDR", header);
  put_chunk(out, "IDAT", stream);
  put_chunk(out, "IEND", {});
  return out;
}

}  // namespace lspt
