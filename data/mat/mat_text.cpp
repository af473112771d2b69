#include "data/mat/mat_text.h"

namespace lspt {
namespace {

constexpr uint32_t kBad = 0xfffd;

bool high(uint32_t c) { return c >= 0xd800 && c < 0xdc00; }
bool low(uint32_t c) { return c >= 0xdc00 && c < 0xe000; }

// Code points of UTF-8; a byte that starts no valid sequence is kBad.
std::vector<uint32_t> decode_utf8(std::string_view bytes) {
  std::vector<uint32_t> out;
  for (size_t at = 0; at < bytes.size();) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
    const uint8_t first = byte(at);
    const size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t point = size == 1 ? first : first & (0x7f >> size);
    bool good = size == 1 || (first >= 0xc2 && first < 0xf5);
    for (size_t i = at + 1; good && i < at + size; ++i) {
      good = i < bytes.size() && (byte(i) & 0xc0) == 0x80;
      if (good) point = point << 6 | (byte(i) & 0x3f);
    }
    constexpr uint32_t kLeast[5] = {0, 0, 0x80, 0x800, 0x10000};
    good = good && point >= kLeast[size];
    out.push_back(good ? point : kBad);
    at += good ? size : 1;
  }
  return out;
}

std::vector<uint32_t> as_utf16(const std::vector<uint32_t>& points) {
  std::vector<uint32_t> units;
  for (const uint32_t point : points) {
    if (point >= 0x10000 && point < 0x110000) {
      units.push_back(0xd800 + ((point - 0x10000) >> 10));
      units.push_back(0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      units.push_back(point);
    }
  }
  return units;
}

void append_utf8(std::string& text, uint32_t point) {
  const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (point >> shift & 0x3f)); };
  if (point >= 0x110000 || high(point) || low(point)) point = kBad;
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    tail(6);
  } else {
    put(0xf0 | point >> 18);
    tail(12);
    tail(6);
  }
  tail(0);
}

}  // namespace

std::vector<std::string> mat_text(const MatElements& array, const MatElement& element,
                                  const std::vector<int64_t>& dims) {
  const std::string_view data = element.data;
  size_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
  array.check(data.size() <= 4 * count, element, data.size(), " bytes of text, ", count,
              " characters expected");
  std::vector<uint32_t> units;
  switch (element.type) {
    case kMatInt8:
    case kMatUint8:
      units = numbers_in<uint8_t, uint32_t>(data);
      break;
    case kMatUint16:
    case kMatUtf16:
      units = numbers_in<uint16_t, uint32_t>(data);
      break;
    case kMatUint32:
    case kMatUtf32:
      units = numbers_in<uint32_t, uint32_t>(data);
      break;
    case kMatUtf8:
      units = decode_utf8(data);
      break;
    default:
      array.check(false, element, "data of type ", element.type, ", text expected");
  }
  if (units.size() != count) units = as_utf16(units);
  array.check(units.size() == count, element, units.size(), " characters, ", count, " expected");

  std::vector<std::string> rows(count / static_cast<size_t>(dims.back()));
  for (size_t row = 0; row < rows.size(); ++row)
    for (size_t i = row; i < count; i += rows.size()) {
      uint32_t point = units[i];
      const size_t next = i + rows.size();
      if (high(point) && next < count && low(units[next])) {
        point = 0x10000 + ((point & 0x3ff) << 10 | (units[next] & 0x3ff));
        i = next;
      }
      append_utf8(rows[row], point);
    }
  return rows;
}

}  // namespace lspt
