#include "data/datasets/layouts.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "engine/error.h"

namespace lspt {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::pair<std::string, std::string> split_at(const Line& line, size_t blank,
                                             std::string_view expected) {
  require(blank != std::string::npos, ErrorKind::kData, line.where(), ": found `", line.text,
          "`, `", expected, "` expected");
  const std::string_view text = line.text;
  return {std::string(trimmed(text.substr(0, blank))), std::string(trimmed(text.substr(blank)))};
}

}  // namespace

std::vector<Line> read_lines(const fs::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  require(in.is_open() && !fs::is_directory(path), ErrorKind::kData, "read list: ", path.string(),
          ": ", in.is_open() ? "is a folder" : std::strerror(errno));
  std::vector<Line> lines;
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    const std::string_view whole = text;
    const bool mark = number == 1 && whole.substr(0, 3) == "\xef\xbb\xbf";
    const std::string_view content = trimmed(whole.substr(mark ? 3 : 0));
    if (content.empty()) continue;
    lines.push_back({path.string(), number, std::string(content)});
    require(content.find('\0') == std::string_view::npos, ErrorKind::kData, lines.back().where(),
            ": not a text file (it holds a zero byte)");
  }
  return lines;
}

std::pair<std::string, std::string> split_first(const Line& line, std::string_view expected) {
  return split_at(line, line.text.find_first_of(kBlanks), expected);
}

std::pair<std::string, std::string> split_last(const Line& line, std::string_view expected) {
  return split_at(line, line.text.find_last_of(kBlanks), expected);
}

bool parse_integer(std::string_view text, int64_t& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

fs::path inside(const fs::path& root, const std::string& relative, const Line& line) {
  const fs::path path = fs::path(relative).lexically_normal();
  require(!path.is_absolute() && !path.empty() && *path.begin() != "..", ErrorKind::kData,
          line.where(), ": ", relative, " is outside the data folder; a path relative to ",
          root.string(), " expected");
  return root / path;
}

void MissingFiles::check(const fs::path& path, const Line& line) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) files_.push_back({path.string(), line.where()});
}

}  // namespace lspt
