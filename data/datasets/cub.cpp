// CUB-200-2011: five text files of `id value` lines. Ids start at 1 and are paired by value, since
// neither files nor folders are in a common order.
#include <map>
#include <unordered_map>

#include "data/datasets/layouts.h"
#include "engine/error.h"

namespace lspt {
namespace {

struct Entry {
  std::string value;
  Line line;
};

// id -> value of one file. Throws on an id that comes twice.
std::unordered_map<std::string, Entry> read_table(const fs::path& file, std::string_view form) {
  std::unordered_map<std::string, Entry> table;
  for (const Line& line : read_lines(file)) {
    auto [id, value] = split_first(line, form);
    const auto [it, fresh] = table.try_emplace(std::move(id), Entry{std::move(value), line});
    require(fresh, ErrorKind::kData, line.where(), ": id ", it->first, " was on line ",
            it->second.line.number, " already");
  }
  return table;
}

const Entry& find(const std::unordered_map<std::string, Entry>& table, const std::string& id,
                  const char* file, const Line& line) {
  const auto it = table.find(id);
  require(it != table.end(), ErrorKind::kData, line.where(), ": id ", id, " is not in ", file);
  return it->second;
}

}  // namespace

Dataset open_cub(const fs::path& root) {
  const auto labels = read_table(root / "image_class_labels.txt", "image_id class_id");
  const auto splits = read_table(root / "train_test_split.txt", "image_id 0|1");
  const auto class_of = [](const std::string& text, const Line& line) {
    int64_t id = 0;
    require(parse_integer(text, id), ErrorKind::kData, line.where(), ": class id `", text,
            "`, an integer expected");
    return id;
  };
  std::map<int64_t, std::string> names;
  for (const auto& [id, entry] : read_table(root / "classes.txt", "class_id name"))
    names[class_of(id, entry.line)] = entry.value;

  // Class ids in use, over both splits: their rank is the label.
  std::map<int64_t, int> rank;
  for (const auto& [id, entry] : labels) {
    const int64_t class_id = class_of(entry.value, entry.line);
    require(names.count(class_id) == 1, ErrorKind::kData, entry.line.where(), ": class id ",
            class_id, " is not among the ", names.size(), " of classes.txt");
    rank[class_id] = 0;
  }
  Dataset data;
  data.layout = "cub";
  for (auto& [id, label] : rank) {
    label = static_cast<int>(data.class_names.size());
    data.class_names.push_back(names.at(id));
  }

  MissingFiles missing;
  size_t listed = 0;
  for (const Line& line : read_lines(root / "images.txt")) {
    const auto [id, name] = split_first(line, "image_id path");
    const Entry& split = find(splits, id, "train_test_split.txt", line);
    require(split.value == "0" || split.value == "1", ErrorKind::kData, split.line.where(),
            ": split `", split.value, "`, 1 (train) or 0 (test) expected");
    const Entry& label = find(labels, id, "image_class_labels.txt", line);
    const fs::path path = inside(root / "images", name, line);
    missing.check(path, line);
    auto& part = split.value == "1" ? data.train : data.test;
    part.push_back({path.string(), rank.at(class_of(label.value, label.line))});
    ++listed;
  }
  missing.report(data);
  require(listed == labels.size() && listed == splits.size(), ErrorKind::kData,
          (root / "images.txt").string(), ": ", listed, " images, but image_class_labels.txt has ",
          labels.size(), " lines and train_test_split.txt ", splits.size());
  return data;
}

}  // namespace lspt
