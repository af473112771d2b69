// `path label` list files.
#include <algorithm>
#include <set>

#include "data/datasets/layouts.h"
#include "engine/error.h"

namespace lspt {
namespace {

struct Entry {
  fs::path path;
  std::string label;
  Line line;
  std::vector<Sample> Dataset::*part;
};

void append_entries(const fs::path& root, const fs::path& file, std::vector<Sample> Dataset::*part,
                    std::vector<Entry>& entries) {
  if (file.empty()) return;
  for (const Line& line : read_lines(file)) {
    const auto [path, label] = split_last(line, "path label");
    entries.push_back({inside(root, path, line), label, line, part});
  }
}

// Labels that are names: their rank in sorted order over all lists.
std::vector<int> ranks_of_names(const std::vector<Entry>& entries,
                                std::vector<std::string>& class_names) {
  std::set<std::string> names;
  for (const Entry& entry : entries) names.insert(entry.label);
  if (class_names.empty()) class_names.assign(names.begin(), names.end());
  std::vector<int> labels;
  for (const Entry& entry : entries) {
    const auto it = std::find(class_names.begin(), class_names.end(), entry.label);
    require(it != class_names.end(), ErrorKind::kData, entry.line.where(), ": label `", entry.label,
            "` is not in classes.txt");
    labels.push_back(static_cast<int>(it - class_names.begin()));
  }
  return labels;
}

// Integer labels 0 .. K-1, K from classes.txt, else from the largest label if none below is unused.
std::vector<int> checked_integers(const std::vector<Entry>& entries,
                                  std::vector<std::string>& class_names) {
  std::set<int64_t> used;
  std::vector<int64_t> values;
  for (const Entry& entry : entries) {
    int64_t value = 0;
    require(parse_integer(entry.label, value), ErrorKind::kData, entry.line.where(), ": label `",
            entry.label, "`, an integer expected as on the lines before");
    require(value >= 0, ErrorKind::kData, entry.line.where(), ": label ", value,
            ", 0 or more expected");
    used.insert(value);
    values.push_back(value);
  }
  const bool named = !class_names.empty();
  const int64_t classes = static_cast<int64_t>(named ? class_names.size() : used.size());
  const std::string hint = *used.begin() == 1 && *used.rbegin() == classes
                               ? "; ids look 1-based? (no image has label 0)"
                               : "";
  for (size_t i = 0; i < entries.size(); ++i)
    require(values[i] < classes, ErrorKind::kData, entries[i].line.where(), ": label ", values[i],
            ", 0 to ", classes - 1, " expected because ",
            named ? "classes.txt names " : "the lists use ", classes, " classes",
            hint.empty() && !named ? "; a classes.txt with a name per line allows unused labels"
                                   : hint);
  for (int64_t k = 0; k < classes && !named; ++k) class_names.push_back(std::to_string(k));
  return {values.begin(), values.end()};
}

}  // namespace

Dataset open_list(const fs::path& root, const fs::path& train_list, const fs::path& val_list,
                  const fs::path& test_list) {
  std::vector<Entry> entries;
  append_entries(root, train_list, &Dataset::train, entries);
  append_entries(root, val_list, &Dataset::val, entries);
  append_entries(root, test_list, &Dataset::test, entries);
  require(!entries.empty(), ErrorKind::kData, train_list.string(), ": no `path label` line");

  Dataset data;
  data.layout = "list";
  if (fs::exists(root / "classes.txt"))
    for (const Line& line : read_lines(root / "classes.txt")) data.class_names.push_back(line.text);
  int64_t value = 0;
  const bool integers = parse_integer(entries[0].label, value);
  const std::vector<int> labels = integers ? checked_integers(entries, data.class_names)
                                           : ranks_of_names(entries, data.class_names);
  MissingFiles missing;
  for (size_t i = 0; i < entries.size(); ++i) {
    missing.check(entries[i].path, entries[i].line);
    (data.*entries[i].part).push_back({entries[i].path.string(), labels[i]});
  }
  missing.report(data);
  return data;
}

}  // namespace lspt
