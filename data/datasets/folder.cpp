// Class folders, flat or nested.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "data/datasets/folder_tree.h"
#include "engine/error.h"

namespace lspt {
namespace {

/// Of the parts together, each folder with one of its images; "" if it holds none.
using Folders = std::map<std::string, std::string>;

/// The class of each folder that holds images, by dataset.h's rule.
std::map<std::string, std::string> classes_of(const Folders& folders, size_t depth) {
  std::map<std::string, std::string> class_of;
  for (const auto& [folder, image] : folders) {
    if (image.empty() || folder.empty()) continue;
    const std::vector<std::string> levels = levels_of(folder);
    require(depth <= levels.size(), ErrorKind::kData, "data set: ", image,
            " is not as deep as a folder of --class-depth ", depth);
    class_of[folder] = depth == 0 ? folder : levels[depth - 1];
    for (const std::string& inner : levels)
      require(depth > 0 || inner == folder || !class_of.contains(inner), ErrorKind::kData,
              "data set: ", folders.at(inner), " and ", image, ": is the class ", inner, " or ",
              folder, "? --class-depth 1 takes the first folder of a path, with all that is in it");
  }
  return class_of;
}

/// Where a class is expected no part has an image.
void refuse_empty(const Folders& folders, const std::set<std::string>& names,
                  const std::string& root, const std::string& skipped) {
  std::set<std::string> inner = {""};
  for (const std::string& name : names)
    for (const std::string& level : levels_of(name))
      if (level != name) inner.insert(level);
  for (const auto& [folder, image] : folders) {
    const std::string above = folder.substr(0, folder.rfind('/') + 1);
    const bool expected = inner.contains(above.substr(0, above.size() - !above.empty()));
    require(!expected || names.contains(folder) || inner.contains(folder), ErrorKind::kData,
            "data set: class folder ", folder, " of ", root, " holds no image",
            skipped.empty() ? "" : "; ", skipped);
  }
}

// Sorted as text, but by value when all of them are numbers: 2 before 10.
std::vector<std::string> class_order(const std::set<std::string>& names) {
  std::vector<std::pair<int64_t, std::string>> order;
  bool numbers = true;
  for (const std::string& name : names) {
    order.emplace_back(0, name);
    numbers = parse_integer(name, order.back().first) && numbers;
  }
  if (numbers) std::sort(order.begin(), order.end());
  std::vector<std::string> sorted;
  for (const auto& [value, name] : order) sorted.push_back(name);
  return sorted;
}

// Every fifth image of each class, beginning with its second: a class of one keeps it.
void hold_out_fifths(Dataset& data) {
  std::vector<Sample> train;
  int label = -1;
  for (int64_t i = 0; Sample & sample : data.train) {
    if (sample.label != label) i = 0;
    label = sample.label;
    (i++ % 5 == 1 ? data.test : train).push_back(std::move(sample));
  }
  data.train = std::move(train);
  std::set<int> tested;
  for (const Sample& sample : data.test) tested.insert(sample.label);
  data.note =
      "no train and test folders: every fifth image of a class, from its second on, is held out "
      "for testing";
  if (const size_t single = data.class_names.size() - tested.size(); single > 0)
    data.note += "; classes of a single image, which is trained on: " + std::to_string(single);
}

/// The one folder of these names in root, or none. Throws Error(kData) for two.
fs::path part_of(const fs::path& root, std::initializer_list<const char*> names) {
  fs::path found;
  for (const char* name : names) {
    if (!fs::is_directory(root / name)) continue;
    require(found.empty(), ErrorKind::kData, "data set: ", root.string(), " has both ",
            found.filename().string(), "/ and ", name, "/, which mean the same");
    found = root / name;
  }
  return found;
}

constexpr std::initializer_list<const char*> kTrain = {"train"}, kTest = {"test"},
                                             kVal = {"val", "valid", "validation"};

/// Images beside train/ that no split has would be left out in silence, those as deep as images of
/// `levels` folders can be.
void refuse_others(const fs::path& root, size_t levels) {
  for (const std::string& name : entries_of(root, true)) {
    bool known = false;
    for (const auto& names : {kTrain, kVal, kTest})
      for (const char* each : names) known = known || name == each;
    require(known || !walk(root / name,
                           [&](const std::string& folder, const auto& files) {
                             return any_image(files) && levels_of(folder).size() <= levels;
                           }),
            ErrorKind::kData, "data set: ", root.string(), "/", name,
            " holds images, and is none of train/, val/ (or valid/, validation/) and test/. ",
            "Rename it or move it elsewhere");
  }
}

/// The folder around a data set: its train/ and test/ are no classes.
void refuse_around(const fs::path& root) {
  for (const std::string& name : entries_of(root, true))
    require(!fs::is_directory(root / name / "train") || !is_folder_per_class(root / name),
            ErrorKind::kData, "data set: ", root.string(), "/", name,
            "/train holds class folders: --data ", (root / name).string(),
            " reads them; if train is a class or a group of them, say --class-depth");
}

/// The rest of another layout, of which a list is missing.
bool is_rest(const fs::path& root) {
  for (const char* part :
       {"jpg", "images", "Images", "cars_train", "cars_test", "car_ims", "devkit"})
    if (has(root, part)) return true;
  return false;
}

}  // namespace

bool is_folder_per_class(const fs::path& root) {
  if (is_rest(root)) return false;
  const fs::path top = fs::is_directory(root / "train") ? root / "train" : root;
  for (const std::string& name : entries_of(top, true))
    if (any_image(entries_of(top / name, false))) return true;
  for (const std::string& name : entries_of(top, true))
    if (top == root && is_rest(top / name)) return false;
  return walk(top, [](const std::string& folder, const auto& files) {
    return !folder.empty() && any_image(files);
  });
}

Dataset open_folder(const Source& source) {
  const fs::path& root = source.root;
  const auto depth = static_cast<size_t>(source.options.class_depth);
  const fs::path train = part_of(root, kTrain);
  if (train.empty() && depth == 0) refuse_around(root);
  std::vector<fs::path> parts = {train.empty() ? root : train};
  if (!train.empty()) parts.insert(parts.end(), {part_of(root, kVal), part_of(root, kTest)});
  std::vector<std::map<std::string, std::vector<std::string>>> images(parts.size());
  Folders folders;
  Skipped skipped;
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].empty())
      walk(parts[i], [&](const std::string& folder, std::vector<std::string>& names) {
        std::erase_if(names, [&](const std::string& name) { return skipped.takes(folder, name); });
        std::string& example = folders[folder];
        if (example.empty() && !names.empty()) example = parts[i] / folder / names[0];
        images[i][folder] = std::move(names);
        return false;
      });

  const auto class_of = classes_of(folders, depth);
  std::set<std::string> names;
  size_t levels = 1;
  for (const auto& [folder, name] : class_of) {
    names.insert(name);
    levels = std::max(levels, levels_of(folder).size());
  }
  if (!train.empty()) refuse_others(root, levels);
  refuse_empty(folders, names, root.string(), skipped.text());
  require(!names.empty(), ErrorKind::kData, "data set: ", root.string(),
          " holds no folder per class");
  Dataset data;
  data.class_names = class_order(names);
  std::map<std::string, int> label;
  for (const std::string& name : data.class_names)
    label.emplace(name, static_cast<int>(label.size()));
  const std::array lists = {&data.train, &data.val, &data.test};
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const auto& [folder, name] : class_of)
      for (const std::string& image : images[i][folder]) {
        std::string path = (parts[i] / folder / image).string();
        const FileStamp stamp = stamp_of(path);
        lists[i]->push_back({std::move(path), label.at(name), stamp});
      }
    std::stable_sort(lists[i]->begin(), lists[i]->end(),
                     [](const Sample& a, const Sample& b) { return a.label < b.label; });
  }
  if (train.empty()) hold_out_fifths(data);
  if (levels > std::max<size_t>(depth, 1))
    add_note(data, "folders nest: " + std::to_string(names.size()) + " classes are " +
                       (depth == 0 ? "the folders that hold images, named by their paths"
                                   : "the folders of level " + std::to_string(depth)) +
                       " (--class-depth)");
  if (const std::string text = skipped.text(); !text.empty()) add_note(data, text);
  return data;
}

}  // namespace lspt
