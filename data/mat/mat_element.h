/// The elements that a MAT-file is made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace lspt {

enum MatType : uint32_t {  // of an element's data
  kMatInt8 = 1,
  kMatUint8 = 2,
  kMatInt16 = 3,
  kMatUint16 = 4,
  kMatInt32 = 5,
  kMatUint32 = 6,
  kMatSingle = 7,
  kMatDouble = 9,
  kMatInt64 = 12,
  kMatUint64 = 13,
  kMatArray = 14,
  kMatCompressed = 15,
  kMatUtf8 = 16,
  kMatUtf16 = 17,
  kMatUtf32 = 18,
};

struct MatElement {
  uint32_t type = 0;
  std::string_view data;
  size_t at = 0;  ///< byte of its tag
};

/// The whole numbers of type T that stand in `data`, each as a To.
template <typename T, typename To>
std::vector<To> numbers_in(std::string_view data) {
  std::vector<To> numbers(data.size() / sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T number;
    std::memcpy(&number, data.data() + sizeof(T) * i, sizeof(T));
    numbers[i] = static_cast<To>(number);
  }
  return numbers;
}

/// Reads element after element of `bytes`, from byte `at`. Both strings must outlive it.
class MatElements {
 public:
  MatElements(std::string_view bytes, const std::string& what, size_t at = 0)
      : bytes_(bytes), what_(what), at_(at) {}
  /// The elements in an array's data; bytes are counted as here.
  MatElements in(const MatElement& array) const {
    const size_t begin = static_cast<size_t>(array.data.data() - bytes_.data());
    return {bytes_.substr(0, begin + array.data.size()), what_, begin};
  }
  bool done() const { return at_ == bytes_.size(); }

  MatElement next() {
    MatElement element{0, {}, at_};
    const uint32_t first = word();
    if (const uint32_t size = first >> 16; size > 0) {  // four bytes of tag, four of data
      check(size <= 4, element, "a small element of ", size, " bytes, at most 4 expected");
      element.type = first & 0xffff;
      element.data = take(4).substr(0, size);
      return element;
    }
    element.type = first;
    const uint32_t size = word();
    element.data = take(size);
    const size_t padding = element.type == kMatCompressed ? 0 : (8 - size % 8) % 8;
    at_ += std::min(padding, bytes_.size() - at_);  // the last of a file may come without
    return element;
  }
  MatElement next(std::initializer_list<uint32_t> types, const char* name) {
    check(!done(), {0, {}, at_}, "the end, ", name, " expected");
    const MatElement element = next();
    check(std::find(types.begin(), types.end(), element.type) != types.end(), element,
          "an element of type ", element.type, ", ", name, " expected");
    return element;
  }
  template <typename... Parts>
  void check(bool condition, const MatElement& element, const Parts&... parts) const {
    require(condition, ErrorKind::kData, what_, ": byte ", element.at, ": ", parts...);
  }

 private:
  std::string_view take(size_t count) {
    require(count <= bytes_.size() - at_, ErrorKind::kData, what_, ": truncated: ", count,
            " bytes expected at byte ", at_, ", ", bytes_.size() - at_, " found");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  uint32_t word() {
    uint32_t value;
    std::memcpy(&value, take(4).data(), 4);
    return value;
  }

  std::string_view bytes_;
  const std::string& what_;
  size_t at_;
};

}  // namespace lspt
