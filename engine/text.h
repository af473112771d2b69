/// Text from files, made safe to print or to compare.
#pragma once

#include <string>

namespace lspt {

/// The text with control characters as \x1b: what a file calls its parts cannot move a cursor,
/// colour or clear a terminal. Line breaks and tabs stay, UTF-8 too (but not its C1 controls).
std::string printable(const std::string& text);

/// The text with A to Z as a to z; other letters stay, whatever the locale says.
std::string lower(std::string text);

}  // namespace lspt
