/// What an image file says of itself before it is decoded.
#pragma once

#include <cstdint>
#include <span>

namespace lspt {

struct ImageHeader {
  enum Format : uint8_t {
    other,
    jpeg,
    png,
    bmp,
    gif,
    webp,
    tiff
  } format = other;     ///< by the first bytes
  bool gray = false;    ///< one colour channel
  bool cmyk = false;    ///< four ink channels (JPEG)
  bool alpha = false;   ///< alpha channel, or a transparent colour (PNG)
  bool deep = false;    ///< more than 8 bits a channel
  int orientation = 1;  ///< EXIF: 1 upright, 2 to 8 mirrored or turned
};

/// Walks JPEG segments up to the first scan, chunks of PNG and WebP, or a TIFF's first table (not a
/// BigTIFF's); no pixel is read. A TIFF is turned by its tag, so that its orientation stays 1.
/// Bytes of any kind are welcome: what is not understood stays as it is by default.
ImageHeader read_header(std::span<const uint8_t> bytes);

}  // namespace lspt
