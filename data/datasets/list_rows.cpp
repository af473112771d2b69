#include "data/datasets/list_rows.h"

#include <algorithm>

#include "data/images/endings.h"
#include "engine/error.h"
#include "engine/text.h"

namespace lspt {
namespace {

using Fields = std::vector<std::string>;

/// A field at `at`, which moves behind it: in quotes up to the next single one, else up to `stops`.
std::string field_at(const Line& line, size_t& at, const char* stops) {
  const std::string& text = line.text;
  std::string field;
  if (text[at] != '"') {
    const size_t end = std::min(text.find_first_of(stops, at), text.size());
    field = text.substr(at, end - at);
    at = end;
    return field;
  }
  for (++at;; ++at) {
    require(at < text.size(), ErrorKind::kData, line.where(), ": a quote that does not end");
    if (text[at] == '"' && (++at == text.size() || text[at] != '"')) return field;
    field += text[at];
  }
}

Fields separated(const Line& line, char separator) {
  const char stops[] = {separator, '\0'};
  Fields fields;
  for (size_t at = 0;; ++at) {
    while (at < line.text.size() && line.text[at] == ' ') ++at;
    fields.emplace_back(at < line.text.size() ? trimmed(field_at(line, at, stops)) : "");
    at = line.text.find(separator, at);
    if (at == std::string::npos) return fields;
  }
}

/// The path is what is quoted, or ends with the last word that looks like an image's, or is all but
/// the last word.
Fields by_blanks(const Line& line) {
  Fields words, fields;
  size_t path_ends = 0;  // in words
  for (size_t at = 0; at < line.text.size(); ++at) {
    if (line.text[at] == ' ' || line.text[at] == '\t') continue;
    words.push_back(field_at(line, at, " \t"));
    if (line.text[0] == '"' ? words.size() == 1 : image_ending(words.back()) != nullptr)
      path_ends = words.size();
  }
  if (path_ends == 0) path_ends = std::max<size_t>(words.size(), 2) - 1;
  // Blanks inside the path as they are written.
  size_t from = 0, to = 0;
  for (size_t i = 0; i < path_ends && line.text[0] != '"'; ++i) {
    to = line.text.find(words[i], from) + words[i].size();
    from = to;
  }
  fields.push_back(line.text[0] == '"' ? words[0] : line.text.substr(0, to));
  fields.insert(fields.end(), words.begin() + static_cast<int64_t>(path_ends), words.end());
  return fields;
}

/// The column of the first image in a line, or -1.
int path_column(const Fields& fields) {
  const auto it = std::find_if(fields.begin(), fields.end(), [](const std::string& field) {
    return image_ending(field) != nullptr;
  });
  return it == fields.end() ? -1 : static_cast<int>(it - fields.begin());
}

Fields fields_of(const Line& line, char separator) {
  return separator == ' ' ? by_blanks(line) : separated(line, separator);
}

/// One that every line has, and that leaves a path in the last, which is no header; else blanks.
char separator_of(const std::vector<Line>& lines) {
  for (const char separator : {'\t', ','})
    if (std::all_of(lines.begin(), lines.end(),
                    [&](const Line& l) { return l.text.find(separator) != std::string::npos; }) &&
        path_column(separated(lines.back(), separator)) >= 0)
      return separator;
  return ' ';
}

/// Which of the label columns is meant, by the rule in the header file.
size_t chosen(const std::string& column, const Fields& names, size_t count, const Line& line) {
  int64_t number = 0;
  if (parse_integer(column, number)) {
    require(number >= 1 && number <= static_cast<int64_t>(count), ErrorKind::kUsage,
            "--label-column ", number, ": ", line.where(), " has ", count, " label columns");
    return static_cast<size_t>(number - 1);
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (column.empty()
            ? names.size() > 1 && (lower(names[i]) == "label" || lower(names[i]) == "class")
            : names[i] == column)
      return i;
  require(column.empty(), ErrorKind::kUsage, "--label-column ", column, ": ", line.file,
          names.empty() ? " has no header that names columns" : " has no column of that name");
  return 0;
}

}  // namespace

std::vector<ListRow> rows_of_list(const std::vector<Line>& lines, const std::string& column,
                                  std::string& note) {
  std::vector<ListRow> rows;
  if (lines.empty()) return rows;
  const char separator = separator_of(lines);
  const Fields first = fields_of(lines[0], separator);
  const bool header = lines.size() > 1 && path_column(first) < 0 &&
                      path_column(fields_of(lines[1], separator)) >= 0;
  size_t path = 0, label = 0, width = 0;
  for (size_t i = header ? 1 : 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const Fields fields = fields_of(line, separator);
    require(fields.size() > 1, ErrorKind::kData, line.where(), ": found `", line.text,
            "`, `path label` expected");
    if (rows.empty()) {
      width = fields.size();
      path = static_cast<size_t>(std::max(0, path_column(fields)));
      Fields names;
      if (header && first.size() == width) names = first;
      if (!names.empty()) names.erase(names.begin() + static_cast<int64_t>(path));
      label = chosen(column, names, width - 1, line);
      if (width > 2)
        note = line.file.substr(line.file.rfind('/') + 1) + ": of " + std::to_string(width - 1) +
               " label columns the one " +
               (names.empty() ? "numbered " + std::to_string(label + 1) : "named " + names[label]) +
               " is taken (--label-column)";
      label += label >= path;
    }
    require(fields.size() == width, ErrorKind::kData, line.where(), ": ", fields.size(),
            " columns, ", width, " expected as before");
    require(!fields[path].empty() && !fields[label].empty(), ErrorKind::kData, line.where(),
            ": found `", line.text, "`, `path label` expected");
    rows.push_back({fields[path], fields[label], line.where()});
  }
  return rows;
}

}  // namespace lspt
