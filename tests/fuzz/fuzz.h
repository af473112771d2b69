/// What the fuzz targets of weights files share.
#pragma once

#include <string_view>

#include "models/weights/describe.h"

namespace lspt::testing {

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Reads, describes and loads every tensor. An Error is a good end; anything else that is thrown, a
/// sanitizer's finding, too much memory or time is not. -1, "keep it out of the corpus", for files
/// of a format that does not begin with `format`.
inline int read_weights(const uint8_t* data, size_t size, std::string_view format) {
  try {
    const WeightFile file = WeightFile::of(MappedFile::of(text_of(data, size), "fuzz"));
    if (!file.format().starts_with(format)) return -1;
    describe(file);
    for (const StoredTensor& tensor : file.tensors()) file.load(tensor);
  } catch (const Error&) {
  }
  return 0;
}

}  // namespace lspt::testing
