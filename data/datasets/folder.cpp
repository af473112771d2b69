// A folder per class.
#include <algorithm>
#include <set>

#include "data/datasets/list_rows.h"
#include "engine/error.h"

namespace lspt {
namespace {

std::vector<std::string> images_in(const fs::path& folder) {
  std::vector<std::string> names = entries_of(folder, false);
  std::erase_if(names, [](const std::string& name) { return !looks_like_image(name); });
  return names;
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

std::vector<Sample> images_of(const fs::path& part, const std::vector<std::string>& classes) {
  std::vector<Sample> samples;
  for (size_t label = 0; label < classes.size(); ++label) {
    const fs::path folder = part / classes[label];
    if (!fs::is_directory(folder)) continue;
    for (const std::string& name : images_in(folder))
      samples.push_back({(folder / name).string(), static_cast<int>(label)});
  }
  return samples;
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
  data.note = "no train and test folders: every fifth image of a class is held out for testing";
}

bool holds_images(const fs::path& folder) {
  if (!images_in(folder).empty()) return true;
  for (const std::string& name : entries_of(folder, true))
    if (!images_in(folder / name).empty()) return true;
  return false;
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

/// Images beside train/ that no split has would be left out in silence.
void refuse_others(const fs::path& root) {
  for (const std::string& name : entries_of(root, true)) {
    bool known = false;
    for (const auto& names : {kTrain, kVal, kTest})
      for (const char* each : names) known = known || name == each;
    require(known || !holds_images(root / name), ErrorKind::kData, "data set: ", root.string(), "/",
            name, " holds images, and is none of train/, val/ (or valid/, validation/) and test/. ",
            "Rename it or move it elsewhere");
  }
}

}  // namespace

bool is_folder_per_class(const fs::path& root) {
  // Not the rest of another layout, of which a list is missing.
  for (const char* part :
       {"jpg", "images", "Images", "cars_train", "cars_test", "car_ims", "devkit"})
    if (has(root, part)) return false;
  const fs::path top = fs::is_directory(root / "train") ? root / "train" : root;
  for (const std::string& name : entries_of(top, true))
    if (!images_in(top / name).empty()) return true;
  return false;
}

Dataset open_folder(const Source& source) {
  const fs::path& root = source.root;
  const fs::path train = part_of(root, kTrain);
  const fs::path val = train.empty() ? fs::path() : part_of(root, kVal);
  const fs::path test = train.empty() ? fs::path() : part_of(root, kTest);
  if (!train.empty()) refuse_others(root);
  Dataset data;
  std::set<std::string> names;
  for (const fs::path& folder : train.empty() ? std::vector{root} : std::vector{train, val, test})
    if (!folder.empty())
      for (std::string& name : entries_of(folder, true)) names.insert(std::move(name));
  require(!names.empty(), ErrorKind::kData, "data set: ", root.string(),
          " holds no folder per class");
  data.class_names = class_order(names);
  data.train = images_of(train.empty() ? root : train, data.class_names);
  if (!val.empty()) data.val = images_of(val, data.class_names);
  if (!test.empty()) data.test = images_of(test, data.class_names);

  std::vector<int64_t> count(data.class_names.size());
  for (const auto* samples : {&data.train, &data.val, &data.test})
    for (const Sample& sample : *samples) ++count[static_cast<size_t>(sample.label)];
  for (size_t k = 0; k < count.size(); ++k)
    require(count[k] > 0, ErrorKind::kData, "data set: class folder ", data.class_names[k], " of ",
            root.string(), " holds no image");
  if (train.empty()) hold_out_fifths(data);
  return data;
}

}  // namespace lspt
