// PNG and BMP by stb_image, behind checks that it leaves out: it ignores PNG checksums, lets a
// compressed stream grow without bound, and reads zeros past the end of a BMP.
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#define STBI_NO_STDIO
#include <stb/stb_image.h>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

using Bytes = std::span<const uint8_t>;

int64_t big32(const uint8_t* p) {
  return int64_t{p[0]} << 24 | int64_t{p[1]} << 16 | int64_t{p[2]} << 8 | p[3];
}
int64_t little32(const uint8_t* p) {
  return int64_t{p[3]} << 24 | int64_t{p[2]} << 16 | int64_t{p[1]} << 8 | p[0];
}

struct PngHeader {
  int64_t width, height;
  int depth, color;  // bits per channel; 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGBA
  bool interlaced;

  // Bytes of the filtered rows, which is what the compressed stream must hold.
  int64_t raw_bytes() const {
    constexpr int kChannels[7] = {1, 0, 3, 1, 2, 0, 4};
    const int bits = depth * kChannels[color];
    const auto pass = [&](int x0, int y0, int dx, int dy) {
      const int64_t w = (width - x0 + dx - 1) / dx, h = (height - y0 + dy - 1) / dy;
      return w > 0 && h > 0 ? h * (1 + (w * bits + 7) / 8) : 0;
    };
    if (!interlaced) return pass(0, 0, 1, 1);
    return pass(0, 0, 8, 8) + pass(4, 0, 8, 8) + pass(0, 4, 4, 8) + pass(2, 0, 4, 4) +
           pass(0, 2, 2, 4) + pass(1, 0, 2, 2) + pass(0, 1, 1, 2);
  }
};

// Inflates in constant memory, to learn the size and whether the stream's checksum holds.
class Inflater {
 public:
  Inflater() { inflateInit(&stream_); }
  ~Inflater() { inflateEnd(&stream_); }
  void add(Bytes data, int64_t limit) {
    stream_.next_in = const_cast<uint8_t*>(data.data());
    stream_.avail_in = static_cast<uInt>(data.size());
    while (status_ == Z_OK && stream_.avail_in > 0 && bytes() <= limit) {
      stream_.next_out = scratch_;
      stream_.avail_out = sizeof scratch_;
      status_ = inflate(&stream_, Z_NO_FLUSH);
    }
  }
  bool complete() const { return status_ == Z_STREAM_END; }
  int64_t bytes() const { return static_cast<int64_t>(stream_.total_out); }

 private:
  z_stream stream_{};
  int status_ = Z_OK;
  uint8_t scratch_[32768];
};

// Walks the chunks: lengths, checksums, and a pixel stream of exactly the size of the header.
PngHeader check_png(Bytes bytes, const std::string& name) {
  PngHeader header{};
  Inflater pixels;
  for (size_t at = 8;;) {
    require(bytes.size() - at >= 12, ErrorKind::kData, "read image: ", name,
            ": truncated PNG at byte ", at, ", no end chunk");
    const int64_t length = big32(&bytes[at]);
    require(length <= static_cast<int64_t>(bytes.size() - at) - 12, ErrorKind::kData,
            "read image: ", name, ": truncated PNG, chunk at byte ", at, " has ", length,
            " bytes, the file ", bytes.size());
    const Bytes chunk = bytes.subspan(at + 4, static_cast<size_t>(length) + 4);
    const std::string_view type(reinterpret_cast<const char*>(chunk.data()), 4);
    const Bytes data = chunk.subspan(4);
    const uLong sum = crc32(0, chunk.data(), static_cast<uInt>(chunk.size()));
    require(static_cast<int64_t>(sum) == big32(&bytes[at + 8 + data.size()]), ErrorKind::kData,
            "read image: ", name, ": corrupt PNG, wrong checksum of the chunk at byte ", at);
    if (at == 8) {
      require(type == "IHDR" && length == 13, ErrorKind::kData, "read image: ", name,
              ": corrupt PNG, no header chunk at byte 8");
      header = {big32(&data[0]), big32(&data[4]), data[8], data[9], data[12] != 0};
      check_image_size(header.width, header.height, name);
      require(header.depth <= 16 && header.color <= 6, ErrorKind::kData, "read image: ", name,
              ": corrupt PNG header (", header.depth, " bits, colour type ", header.color, ")");
    }
    if (type == "IDAT") pixels.add(data, header.raw_bytes());
    if (type == "IEND") break;
    at += 12 + data.size();
  }
  require(pixels.complete() && pixels.bytes() == header.raw_bytes(), ErrorKind::kData,
          "read image: ", name, ": corrupt PNG, its pixel stream has ",
          pixels.complete() ? "" : "an error after ", pixels.bytes(), " bytes, ",
          header.raw_bytes(), " expected");
  return header;
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

Image decode_by_stb(Bytes bytes, const std::string& name) {
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, Free> rgb(stbi_load_from_memory(
      bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 3));
  require(rgb != nullptr, ErrorKind::kData, "read image: ", name, ": ", stbi_failure_reason());
  Image image(width, height);
  std::copy_n(rgb.get(), image.pixels.size(), image.pixels.begin());
  return image;
}

// Pillow's 16-bit gray is an integer image; convert("RGB") clips it at 255.
Image decode_gray16(Bytes bytes, const std::string& name) {
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_us, Free> gray(stbi_load_16_from_memory(
      bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 1));
  require(gray != nullptr, ErrorKind::kData, "read image: ", name, ": ", stbi_failure_reason());
  Image image(width, height);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(std::min<int>(gray.get()[i / 3], 255));
  return image;
}

void check_file_size(Bytes bytes, const std::string& name) {
  require(bytes.size() < (size_t{1} << 31), ErrorKind::kData, "read image: ", name, ": ",
          bytes.size(), " bytes, less than 2 GiB expected");
}

}  // namespace

Image decode_png(Bytes bytes, const std::string& name) {
  check_file_size(bytes, name);
  const PngHeader header = check_png(bytes, name);
  return header.depth == 16 && header.color == 0 ? decode_gray16(bytes, name)
                                                 : decode_by_stb(bytes, name);
}

Image decode_bmp(Bytes bytes, const std::string& name) {
  check_file_size(bytes, name);
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
  return decode_by_stb(bytes, name);
}

}  // namespace lspt
