#include "train/report/markup.h"

#include <cmath>

#include "train/output/console.h"

namespace lspt {
namespace {

/// Length of the UTF-8 sequence that begins at `at`, 0 if none does: no overlong forms, no
/// surrogates, nothing above U+10FFFF.
size_t sequence_at(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  unsigned low = 0x80, high = 0xBF;  // of the second byte
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i, low = 0x80, high = 0xBF)
    if (byte(at + i) < low || byte(at + i) > high) return 0;
  return length;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_at(text, i);
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (length == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
      out += "\xEF\xBF\xBD";
    else if (c == '&' || c == '<' || c == '>' || c == '"')
      out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&quot;";
    else
      out.append(text, i, length);
    i += std::max<size_t>(length, 1);
  }
  return out;
}

std::string base64(std::span<const uint8_t> bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const unsigned group = static_cast<unsigned>(bytes[i]) << 16 |
                           (left > 1 ? static_cast<unsigned>(bytes[i + 1]) << 8 : 0) |
                           (left > 2 ? static_cast<unsigned>(bytes[i + 2]) : 0);
    for (size_t digit = 0; digit < 4; ++digit)
      out += digit <= left ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
  }
  return out;
}

std::string img(const Image& image, const std::string& alt) {
  constexpr int kQuality = 85;
  return format("<img width=\"%d\" height=\"%d\" alt=\"", image.width, image.height) +
         escaped(alt) + "\" src=\"data:image/jpeg;base64," + base64(encode_jpeg(image, kQuality)) +
         "\"/>";
}

std::string decimal(double value, int digits) {
  return std::isfinite(value) ? format("%.*f", digits, value) : "-";
}

std::string share(double fraction) {
  const double percent = 100 * fraction;
  // What is nearly all, or nearly nothing, is not said to be so.
  if (percent < 100 && percent > 99.9) return "&gt; 99.9 %";
  if (percent > 0 && percent < 0.1) return "&lt; 0.1 %";
  return (percent == 0 || percent == 100 ? format("%.0f", percent) : decimal(percent)) + " %";
}

}  // namespace lspt
