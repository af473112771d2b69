// libjpeg(-turbo) with its defaults, which are Pillow's: accurate integer IDCT, fancy upsampling.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "data/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

// libjpeg reports through callbacks; an error leaves by longjmp, because its C frames must not be
// unwound by an exception. No object with a destructor lives in a function that calls setjmp.
struct Reports {
  jpeg_error_mgr base;
  jpeg_progress_mgr progress;
  std::jmp_buf jump;
  bool in_scan = false;
  char text[JMSG_LENGTH_MAX] = "";
};

Reports& reports_of(j_common_ptr info) { return *reinterpret_cast<Reports*>(info->err); }

[[noreturn]] void leave(j_common_ptr info) {
  Reports& reports = reports_of(info);
  info->err->format_message(info, reports.text);
  std::longjmp(reports.jump, 1);
}

// A warning (level -1) before the first scan concerns metadata; later ones mean lost pixels, unless
// a few bytes too many stand between the last pixel and the end marker, which Pillow skips too.
void on_message(j_common_ptr info, int level) {
  if (level >= 0 || !reports_of(info).in_scan) return;
  const int* numbers = info->err->msg_parm.i;  // bytes, marker
  if (info->err->msg_code == JWRN_EXTRANEOUS_DATA && numbers[0] <= 16 && numbers[1] == JPEG_EOI)
    return;
  leave(info);
}

// A progressive file may hold any number of scans over all pixels; real ones have about ten.
void on_progress(j_common_ptr info) {
  if (info->is_decompressor && reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > 100) {
    Reports& reports = reports_of(info);
    std::snprintf(reports.text, sizeof reports.text, "more than 100 scans");
    std::longjmp(reports.jump, 1);
  }
}

void listen(Reports& reports, j_common_ptr info) {
  info->err = jpeg_std_error(&reports.base);
  reports.base.error_exit = leave;
  reports.base.emit_message = on_message;
  reports.base.output_message = [](j_common_ptr) {};
}

struct Decoder {
  jpeg_decompress_struct info{};
  Reports reports;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

struct Encoder {
  jpeg_compress_struct info{};
  Reports reports;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

bool read_header(Decoder& decoder, std::span<const uint8_t> bytes) {
  jpeg_decompress_struct& info = decoder.info;
  listen(decoder.reports, reinterpret_cast<j_common_ptr>(&info));
  if (setjmp(decoder.reports.jump)) return false;
  jpeg_create_decompress(&info);
  decoder.reports.progress.progress_monitor = on_progress;
  info.progress = &decoder.reports.progress;
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

// `line` is CMYK as stored (Adobe stores 255 - ink); Pillow's arithmetic.
void cmyk_to_rgb(const uint8_t* line, int width, uint8_t* rgb) {
  for (int x = 0; x < width; ++x, line += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) {
      const int t = (255 - line[c]) * line[3] + 128;
      rgb[c] = static_cast<uint8_t>(line[3] - (((t >> 8) + t) >> 8));
    }
  }
}

bool read_pixels(Decoder& decoder, Image& image, std::vector<uint8_t>& line) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.reports.jump)) return false;
  decoder.reports.in_scan = true;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    uint8_t* const out = image.row(static_cast<int>(info.output_scanline));
    JSAMPROW row = line.empty() ? out : line.data();
    jpeg_read_scanlines(&info, &row, 1);
    if (!line.empty()) cmyk_to_rgb(line.data(), image.width, out);
  }
  jpeg_finish_decompress(&info);  // reads to the end marker: a file without one was cut
  return true;
}

bool write(Encoder& encoder, const Image& image, int quality) {
  jpeg_compress_struct& info = encoder.info;
  listen(encoder.reports, reinterpret_cast<j_common_ptr>(&info));
  if (setjmp(encoder.reports.jump)) return false;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &encoder.bytes, &encoder.size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  for (int y = 0; y < image.height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(image.row(y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& name) {
  const auto decoder = std::make_unique<Decoder>();
  const auto check = [&](bool ok) {
    require(ok, ErrorKind::kData, "read image: ", name, ": truncated or corrupt JPEG (",
            decoder->reports.text, ")");
  };
  check(read_header(*decoder, bytes));
  const int64_t width = decoder->info.image_width, height = decoder->info.image_height;
  check_image_size(width, height, name);
  // Every 8 x 8 block takes at least a bit, and 4 x 4 subsampled colour spreads it over 1024
  // pixels.
  require(width * height / 8192 <= static_cast<int64_t>(bytes.size()), ErrorKind::kData,
          "read image: ", name, ": truncated JPEG, ", bytes.size(), " bytes cannot hold ", width,
          " x ", height, " pixels");
  Image image(static_cast<int>(width), static_cast<int>(height));
  std::vector<uint8_t> line;
  if (decoder->info.out_color_space == JCS_CMYK) line.resize(4 * static_cast<size_t>(width));
  check(read_pixels(*decoder, image, line));
  return image;
}

std::vector<uint8_t> encode_jpeg(const Image& image, int quality) {
  const auto encoder = std::make_unique<Encoder>();
  require(write(*encoder, image, quality), "encode_jpeg: ", encoder->reports.text);
  return {encoder->bytes, encoder->bytes + encoder->size};
}

}  // namespace lspt
