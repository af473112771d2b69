/// libtiff on a file in memory.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace lspt {

/// What libtiff reads, and what it says.
struct TiffSource {
  std::span<const uint8_t> bytes;
  toff_t at = 0;
  bool in_pixels = false;    ///< where a warning means lost pixels: it counts as an error
  std::string trouble = {};  ///< the first error
};

struct CloseTiff {
  void operator()(TIFF* file) const { TIFFClose(file); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

/// The first page; nullptr, and the source's trouble, if it is none. Nothing is printed. The source
/// must outlive it.
Tiff open_tiff(TiffSource& source);

}  // namespace lspt
