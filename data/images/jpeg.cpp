// libjpeg(-turbo) with its defaults, which are Pillow's: accurate integer IDCT, fancy upsampling.

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "data/images/codecs.h"
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

// What to decode so that the wanted part has the pixels of the whole image.
Window needed(const jpeg_decompress_struct& info, const Window& wanted) {
  const int width = static_cast<int>(info.image_width),
            height = static_cast<int>(info.image_height);
  const bool one_scan = !info.progressive_mode && info.comps_in_scan == info.num_components;
  if (!one_scan || info.arith_code) return {0, 0, width, height};
  // Where colours have full size, a pixel depends on its own blocks alone.
  if (info.max_h_samp_factor == 1 && info.max_v_samp_factor == 1) return wanted;
  // Smaller planes are interpolated from a pixel's neighbours, less than the 16 pixels of a block
  // away. Of rows libjpeg keeps more state than we trust it to skip in every release.
  const jpeg_component_info* const plane = info.comp_info;
  for (int c = 0; c < info.num_components; ++c)
    if (plane[c].h_samp_factor > 2 || plane[c].v_samp_factor > 2 ||
        (plane[c].h_samp_factor != 1) != (c == 0 && info.max_h_samp_factor != 1))
      return {0, 0, width, height};
  const int left = std::max(wanted.left - 16, 0);
  return {left, 0, std::min(wanted.left + wanted.width + 16, width) - left, height};
}

// Rows become as wide as the part, which libjpeg widens to whole blocks on the left.
bool start(Decoder& decoder, Window& part) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.reports.jump)) return false;
  decoder.reports.in_scan = true;
  jpeg_start_decompress(&info);
  JDIMENSION left = static_cast<JDIMENSION>(part.left), width = static_cast<JDIMENSION>(part.width);
  jpeg_crop_scanline(&info, &left, &width);
  part.left = static_cast<int>(left);
  part.width = static_cast<int>(width);
  return true;
}

// Skipped rows are decoded up to their coefficients, so that damage in them is found. But libjpeg
// skips to the end of an image without looking at it: the last row is read.
void skip_rows(jpeg_decompress_struct& info, JDIMENSION end, JSAMPROW line) {
  const JDIMENSION last = info.output_height - 1, to = std::min(end, last);
  if (info.output_scanline < to) jpeg_skip_scanlines(&info, to - info.output_scanline);
  if (info.output_scanline < end) jpeg_read_scanlines(&info, &line, 1);
}

// `line` has room for a row as libjpeg gives it.
bool read_pixels(Decoder& decoder, Image& image, int top, JSAMPROW line) {
  jpeg_decompress_struct& info = decoder.info;
  if (setjmp(decoder.reports.jump)) return false;
  const bool cmyk = info.out_color_space == JCS_CMYK;
  skip_rows(info, static_cast<JDIMENSION>(top), line);
  for (int y = 0; y < image.height; ++y) {
    JSAMPROW row = cmyk ? line : image.row(y);
    jpeg_read_scanlines(&info, &row, 1);
    if (cmyk) cmyk_to_rgb(line, image.width, image.row(y));
  }
  skip_rows(info, info.output_height, line);
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

ImagePart decode_jpeg(std::span<const uint8_t> bytes, const std::string& name,
                      const Wanted& wanted) {
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
  const Size whole{static_cast<int>(width), static_cast<int>(height)};
  Window part{0, 0, whole.width, whole.height};
  if (wanted) part = wanted(whole);
  require(part.left >= 0 && part.top >= 0 && part.width > 0 && part.height > 0 &&
              part.width <= whole.width - part.left && part.height <= whole.height - part.top,
          "read image: ", name, ": a part that leaves its ", width, " x ", height, " pixels");
  part = needed(decoder->info, part);
  check(start(*decoder, part));
  Image image(part.width, part.height);
  std::vector<uint8_t> line(static_cast<size_t>(decoder->info.out_color_components) *
                            static_cast<size_t>(part.width));
  check(read_pixels(*decoder, image, part.top, line.data()));
  return {std::move(image), part.left, part.top, whole};
}

std::vector<uint8_t> encode_jpeg(const Image& image, int quality) {
  const auto encoder = std::make_unique<Encoder>();
  require(write(*encoder, image, quality), "encode_jpeg: ", encoder->reports.text);
  return {encoder->bytes, encoder->bytes + encoder->size};
}

}  // namespace lspt
