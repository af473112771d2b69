/// Text and pictures as parts of a page that is HTML and well-formed XML at once.
#pragma once

#include <span>
#include <string>

#include "data/images/image.h"

namespace lspt {

/// Any bytes as text or as the value of an attribute in double quotes: & < > " are escaped, control
/// characters and what is no UTF-8 become U+FFFD.
std::string escaped(const std::string& text);

/// RFC 4648.
std::string base64(std::span<const uint8_t> bytes);

/// <img> with the picture inside, as JPEG; `alt` is what it shows, unescaped.
std::string img(const Image& image, const std::string& alt);

/// One decimal and no more: 93.2; "-" for what is not finite.
std::string decimal(double value, int digits = 1);
/// 0.934 as "93.4 %", without a sign of its own being lost in rounding: "100 %" is all of them.
std::string share(double fraction);

}  // namespace lspt
