/// Little-endian integers out of bytes, with a bound.
#pragma once

#include <concepts>
#include <cstring>
#include <string_view>

#include "engine/error.h"

namespace lspt {

/// Reads forward through `bytes`; going past the end throws Error(kWeights) with the byte.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, std::string what, size_t at = 0)
      : bytes_(bytes), what_(std::move(what)), at_(at) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  std::string_view take(size_t count) {
    require(at_ <= bytes_.size() && count <= left(), ErrorKind::kWeights, what_, ": ends at byte ",
            bytes_.size(), ", ", count, " bytes from byte ", at_, " expected");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  /// The machine is little-endian, as everything else here assumes.
  template <std::integral T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    require(end != std::string_view::npos, ErrorKind::kWeights, what_, ": line at byte ", at_,
            " does not end");
    const std::string_view text = take(end - at_);
    at_ = end + 1;
    return text;
  }

 private:
  std::string_view bytes_;
  std::string what_;
  size_t at_;
};

}  // namespace lspt
