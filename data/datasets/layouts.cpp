#include "data/datasets/layouts.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "engine/error.h"

namespace lspt {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::pair<std::string, std::string> split_at(const Line& line, size_t blank,
                                             std::string_view expected) {
  require(blank != std::string::npos, ErrorKind::kData, line.where(), ": found `", line.text,
          "`, `", expected, "` expected");
  const std::string_view text = line.text;
  return {std::string(trimmed(text.substr(0, blank))), std::string(trimmed(text.substr(blank)))};
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<Line> read_lines(const fs::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  require(in.is_open() && !fs::is_directory(path), ErrorKind::kData, "read list: ", path.string(),
          ": ", in.is_open() ? "is a folder" : std::strerror(errno));
  return lines_of({std::istreambuf_iterator<char>(in), {}}, path.string());
}

std::vector<Line> lines_of(const std::string& text, const std::string& file) {
  std::vector<Line> lines;
  size_t begin = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  for (int number = 1; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (content.empty()) continue;
    lines.push_back({file, number, std::string(content)});
    require(content.find('\0') == std::string_view::npos, ErrorKind::kData, lines.back().where(),
            ": not a text file (it holds a zero byte)");
  }
  return lines;
}

std::pair<std::string, std::string> split_first(const Line& line, std::string_view expected) {
  return split_at(line, line.text.find_first_of(kBlanks), expected);
}

bool parse_integer(std::string_view text, int64_t& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

fs::path inside(const fs::path& root, const std::string& relative, const std::string& where) {
  const fs::path path = fs::path(relative).lexically_normal();
  require(!path.is_absolute() && !path.empty() && *path.begin() != "..", ErrorKind::kData, where,
          ": ", relative, " is outside the data folder; a path relative to ", root.string(),
          " expected");
  return root / path;
}

bool has(const fs::path& root, const char* name) {
  std::error_code unreadable;
  return fs::exists(root / name, unreadable);
}

std::vector<std::string> entries_of(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    std::error_code loop;  // links that lead nowhere, or in a circle, are neither
    if (name[0] != '.' && (folders ? entry.is_directory(loop) : entry.is_regular_file(loop)))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path first_of(const fs::path& root, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (has(root, name)) return root / name;
  return root / *names.begin();
}

void add_note(Dataset& data, const std::string& sentence) {
  if (!data.note.empty()) data.note += "; ";
  data.note += sentence;
}

Sample MissingFiles::sample(const fs::path& path, int label, const std::string& where) {
  Sample sample{path.string(), label};
  if (!looks) return sample;
  sample.stamp = stamp_of(sample.path);
  if (!sample.stamp) files.push_back({sample.path, where});
  return sample;
}

}  // namespace lspt
