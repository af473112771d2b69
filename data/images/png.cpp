// PNG by libpng: rows of RGB, with what Pillow makes of the rarer kinds.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

// libpng reports through callbacks; an error leaves by longjmp, because its C frames must not be
// unwound by an exception. No object with a destructor lives in a function that calls setjmp.
struct PngDecoder {
  std::span<const uint8_t> bytes;
  size_t at = 0;
  bool in_pixels = false;
  char trouble[160] = "";
  png_structp png = nullptr;
  png_infop info = nullptr;

  ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void leave_png(png_structp png, png_const_charp why) {
  auto& decoder = *static_cast<PngDecoder*>(png_get_error_ptr(png));
  std::snprintf(decoder.trouble, sizeof decoder.trouble, "%s", why);
  png_longjmp(png, 1);
}

// Before the pixels a warning concerns metadata; later ones mean that pixels are lost or too many.
void on_png_warning(png_structp png, png_const_charp why) {
  if (static_cast<PngDecoder*>(png_get_error_ptr(png))->in_pixels) leave_png(png, why);
}

void read_png_bytes(png_structp png, png_bytep to, size_t count) {
  auto& decoder = *static_cast<PngDecoder*>(png_get_io_ptr(png));
  if (count > decoder.bytes.size() - decoder.at) leave_png(png, "the file ends too early");
  std::memcpy(to, decoder.bytes.data() + decoder.at, count);
  decoder.at += count;
}

bool read_png_header(PngDecoder& decoder) {
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, leave_png, on_png_warning);
  if (decoder.png) decoder.info = png_create_info_struct(decoder.png);
  if (!decoder.info || setjmp(png_jmpbuf(decoder.png))) return false;
  png_set_read_fn(decoder.png, &decoder, read_png_bytes);
  // Checksums of metadata count too, but what it says, texts and colour profiles, is passed over.
  png_set_crc_action(decoder.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(decoder.png, decoder.info);
  return true;
}

bool is_gray16(const PngDecoder& decoder) {
  return png_get_color_type(decoder.png, decoder.info) == PNG_COLOR_TYPE_GRAY &&
         png_get_bit_depth(decoder.png, decoder.info) == 16;
}

bool read_png_pixels(PngDecoder& decoder, uint8_t** rows) {
  decoder.in_pixels = true;
  if (setjmp(png_jmpbuf(decoder.png))) return false;
  if (!is_gray16(decoder)) {
    png_set_expand(decoder.png);
    png_set_strip_16(decoder.png);
    png_set_gray_to_rgb(decoder.png);
  }
  png_set_strip_alpha(decoder.png);
  png_read_image(decoder.png, rows);
  png_read_end(decoder.png, nullptr);
  return true;
}

}  // namespace

Image decode_png(std::span<const uint8_t> bytes, const std::string& name) {
  PngDecoder decoder{bytes};
  const auto check = [&](bool good) {
    require(good, ErrorKind::kData, "read image: ", name, ": truncated or corrupt PNG by byte ",
            decoder.at, " (", decoder.trouble, ")");
  };
  check(read_png_header(decoder));
  const int64_t width = png_get_image_width(decoder.png, decoder.info),
                height = png_get_image_height(decoder.png, decoder.info);
  check_image_size(width, height, name);
  Image image(static_cast<int>(width), static_cast<int>(height));
  std::vector<uint8_t*> rows;
  for (int y = 0; y < image.height; ++y) rows.push_back(image.row(y));
  check(read_png_pixels(decoder, rows.data()));
  // 16-bit gray, two bytes of three so far: Pillow's is an image of integers, which it clips at
  // 255.
  if (is_gray16(decoder))
    for (uint8_t* row : rows)
      for (int x = image.width; x-- > 0;)
        std::fill_n(row + 3 * x, 3, row[2 * x] > 0 ? uint8_t{255} : row[2 * x + 1]);
  return image;
}

std::vector<uint8_t> encode_png(const Image& image) {
  check_image_size(image.width, image.height, "encode_png");
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<uint8_t> out(size);
  require(png_image_write_to_memory(&header, out.data(), &size, 0, image.pixels.data(), 0, nullptr),
          "encode_png: ", header.message);
  out.resize(size);
  return out;
}

}  // namespace lspt
