// `path label` list files.
#include <map>
#include <set>

#include "data/datasets/list_rows.h"
#include "engine/error.h"

namespace lspt {
namespace {

// Labels that are names: their rank in sorted order over all lists, or their place in class_names.
std::vector<int> ranks_of_names(const std::vector<ListEntry>& entries,
                                std::vector<std::string>& class_names,
                                const std::string& named_by) {
  std::set<std::string> names;
  for (const ListEntry& entry : entries) names.insert(entry.label);
  if (class_names.empty()) class_names.assign(names.begin(), names.end());
  std::map<std::string, int> rank;
  for (size_t k = 0; k < class_names.size(); ++k) rank.emplace(class_names[k], static_cast<int>(k));
  std::vector<int> labels;
  for (const ListEntry& entry : entries) {
    const auto it = rank.find(entry.label);
    require(it != rank.end(), ErrorKind::kData, entry.where, ": label `", entry.label,
            "` is not in ", named_by);
    labels.push_back(it->second);
  }
  return labels;
}

// Integer labels 0 .. K-1, K from class_names, else from the largest label if none below is unused.
std::vector<int> checked_integers(const std::vector<ListEntry>& entries,
                                  std::vector<std::string>& class_names,
                                  const std::string& named_by) {
  std::set<int64_t> used;
  std::vector<int64_t> values;
  for (const ListEntry& entry : entries) {
    int64_t value = 0;
    require(parse_integer(entry.label, value), ErrorKind::kData, entry.where, ": label `",
            entry.label, "`, an integer expected as on the lines before");
    require(value >= 0, ErrorKind::kData, entry.where, ": label ", value, ", 0 or more expected");
    used.insert(value);
    values.push_back(value);
  }
  const bool named = !class_names.empty();
  const int64_t classes = static_cast<int64_t>(named ? class_names.size() : used.size());
  const std::string hint = *used.begin() == 1 && *used.rbegin() == classes
                               ? "; ids look 1-based? (no image has label 0)"
                               : "";
  for (size_t i = 0; i < entries.size(); ++i)
    require(values[i] < classes, ErrorKind::kData, entries[i].where, ": label ", values[i],
            ", 0 to ", classes - 1, " expected because ",
            named ? named_by + " names " : "the lists use ", classes, " classes",
            hint.empty() && !named ? "; a classes.txt with a name per line allows unused labels"
                                   : hint);
  for (int64_t k = 0; k < classes && !named; ++k) class_names.push_back(std::to_string(k));
  return {values.begin(), values.end()};
}

}  // namespace

std::string append_entries(const fs::path& root, const std::vector<Line>& lines,
                           std::vector<Sample> Dataset::*part, std::vector<ListEntry>& entries,
                           const std::string& column) {
  std::string note;
  for (const ListRow& row : rows_of_list(lines, column, note))
    entries.push_back({inside(root, row.path, row.where), row.label, row.where, part});
  return note;
}

Dataset label_entries(const std::vector<ListEntry>& entries, std::vector<std::string> class_names,
                      const std::string& named_by, MissingFiles& missing) {
  require(!entries.empty(), ErrorKind::kData, "data set: no `path label` line in its lists");
  Dataset data;
  int64_t value = 0;
  const std::vector<int> labels = parse_integer(entries[0].label, value)
                                      ? checked_integers(entries, class_names, named_by)
                                      : ranks_of_names(entries, class_names, named_by);
  for (size_t i = 0; i < entries.size(); ++i) {
    (data.*entries[i].part).push_back(missing.sample(entries[i].path, labels[i], entries[i].where));
  }
  data.class_names = std::move(class_names);
  return data;
}

std::vector<std::string> names_in_classes_txt(const fs::path& root) {
  std::vector<std::string> names;
  if (has(root, "classes.txt"))
    for (const Line& line : read_lines(root / "classes.txt")) names.push_back(line.text);
  return names;
}

fs::path list_named(const fs::path& root, const std::string& name) {
  for (const char* ending : {".txt", ".csv", ".tsv"})
    if (has(root, (name + ending).c_str())) return root / (name + ending);
  return root / (name + ".txt");
}

Dataset open_list(const Source& source) {
  const fs::path& root = source.root;
  const DatasetOptions& o = source.options;
  const bool asked = !(o.train_list + o.val_list + o.test_list).empty();
  std::vector<ListEntry> entries;
  std::string note;
  const auto append = [&](const std::string& given, const std::string& usual, bool optional,
                          std::vector<Sample> Dataset::*part) {
    fs::path file = root / given;
    if (given.empty()) {
      file = list_named(root, usual);
      if (optional && (asked || !fs::exists(file))) return;
    }
    const std::string chosen =
        append_entries(root, read_lines(file), part, entries, o.label_column);
    if (note.empty()) note = chosen;
  };
  append(o.train_list, "train", false, &Dataset::train);
  append(o.val_list, "val", true, &Dataset::val);
  append(o.test_list, "test", true, &Dataset::test);
  Dataset data = label_entries(entries, names_in_classes_txt(root), "classes.txt", source.missing);
  if (!note.empty()) add_note(data, note);
  return data;
}

}  // namespace lspt
