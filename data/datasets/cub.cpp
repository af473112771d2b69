// CUB-200-2011 and NABirds: text files of `id value` lines. Ids are paired by value, since neither
// files nor folders are in a common order. NABirds lists inner nodes of its hierarchy as classes
// too, under names that leaves have; so the classes are those that images use, by id.
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
std::unordered_map<std::string, Entry> read_table(const std::vector<Line>& lines,
                                                  std::string_view form) {
  std::unordered_map<std::string, Entry> table;
  for (const Line& line : lines) {
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

Dataset open_cub(const Source& source) {
  const fs::path& root = source.root;
  const CubLines files = {
      read_lines(root / "images.txt"), read_lines(root / "image_class_labels.txt"),
      read_lines(root / "train_test_split.txt"), read_lines(root / "classes.txt")};
  return parse_cub(files, root / "images", source.missing);
}

Dataset parse_cub(const CubLines& files, const fs::path& images, MissingFiles& missing) {
  const auto labels = read_table(files.labels, "image_id class_id");
  const auto splits = read_table(files.splits, "image_id 0|1");
  const auto class_of = [](const std::string& text, const Line& line) {
    int64_t id = 0;
    require(parse_integer(text, id), ErrorKind::kData, line.where(), ": class id `", text,
            "`, an integer expected");
    return id;
  };
  std::map<int64_t, std::string> names;
  for (const auto& [id, entry] : read_table(files.classes, "class_id name"))
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
  for (auto& [id, label] : rank) {
    label = static_cast<int>(data.class_names.size());
    data.class_names.push_back(names.at(id));
  }

  const auto paths = read_table(files.images, "image_id path");  // no id twice
  for (const Line& line : files.images) {
    const auto [id, name] = split_first(line, "image_id path");
    const Entry& split = find(splits, id, "train_test_split.txt", line);
    require(split.value == "0" || split.value == "1", ErrorKind::kData, split.line.where(),
            ": split `", split.value, "`, 1 (train) or 0 (test) expected");
    const Entry& label = find(labels, id, "image_class_labels.txt", line);
    const fs::path path = inside(images, name, line.where());
    auto& part = split.value == "1" ? data.train : data.test;
    part.push_back(missing.sample(path, rank.at(class_of(label.value, label.line)), line.where()));
  }
  const size_t listed = paths.size();
  require(listed == labels.size() && listed == splits.size(), ErrorKind::kData,
          "data set: ", images.parent_path().string(), ": images.txt has ", listed,
          " images, but image_class_labels.txt has ", labels.size(),
          " lines and train_test_split.txt ", splits.size());
  return data;
}

}  // namespace lspt
