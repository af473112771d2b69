#include "data/images/tiff_file.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "data/images/image.h"

namespace lspt {
namespace {

TiffSource& source_of(void* handle) { return *static_cast<TiffSource*>(handle); }

tmsize_t read_some(thandle_t handle, void* to, tmsize_t size) {
  TiffSource& source = source_of(handle);
  if (source.at >= source.bytes.size()) return 0;
  const size_t count = std::min(static_cast<size_t>(size), source.bytes.size() - source.at);
  std::memcpy(to, source.bytes.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

toff_t seek_to(thandle_t handle, toff_t offset, int from) {
  TiffSource& source = source_of(handle);
  source.at = offset + (from == SEEK_CUR ? source.at : from == SEEK_END ? source.bytes.size() : 0);
  return source.at;
}

int map_file(thandle_t handle, void** base, toff_t* size) {
  *base = const_cast<uint8_t*>(source_of(handle).bytes.data());
  *size = source_of(handle).bytes.size();
  return 1;
}

/// The first message stays; 1: libtiff's global handler, which prints, is not called.
int keep_message(void* handle, const char* format, va_list values) {
  std::string& text = source_of(handle).trouble;
  char line[200];
  std::vsnprintf(line, sizeof line, format, values);
  if (text.empty()) text = line;
  return 1;
}

int on_error(TIFF*, void* handle, const char*, const char* format, va_list values) {
  return keep_message(handle, format, values);
}

// Of pixels all but two kinds of warnings mean lost ones: codes in the order of an old LZW, and a
// last strip whose JPEG has more rows than the image.
int on_warning(TIFF*, void* handle, const char*, const char* format, va_list values) {
  const std::string_view text = format;
  const bool harmless =
      text.starts_with("Old-style LZW") || text.starts_with("JPEG strip size exceeds");
  return source_of(handle).in_pixels && !harmless ? keep_message(handle, format, values) : 1;
}

}  // namespace

Tiff open_tiff(TiffSource& source) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{8} * kMaxPixels);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
  return Tiff(TIFFClientOpenExt(
      "", "r", &source, read_some, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; },
      seek_to, [](thandle_t) { return 0; },
      [](thandle_t handle) -> toff_t { return source_of(handle).bytes.size(); }, map_file,
      [](thandle_t, void*, toff_t) {}, options.get()));
}

}  // namespace lspt
