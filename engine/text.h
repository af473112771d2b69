/// Text from files, made safe to print or to compare; bytes as text.
#pragma once

#include <string>

namespace lspt {

/// The text with control characters as \x1b: what a file calls its parts cannot move a cursor,
/// colour or clear a terminal. Line breaks and tabs stay, UTF-8 too (but not its C1 controls).
std::string printable(const std::string& text);

/// The text with A to Z as a to z; other letters stay, whatever the locale says.
std::string lower(std::string text);

/// Bytes as hexadecimal digits, and back; `from_hex` says whether `text` was exactly that.
std::string to_hex(const void* data, size_t bytes);
bool from_hex(const std::string& text, void* data, size_t bytes);

}  // namespace lspt
