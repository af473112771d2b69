#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "data/datasets/layouts.h"
#include "engine/error.h"
#include "engine/random.h"

namespace lspt {
namespace {

/// The published sizes, before anything is held out.
struct Official {
  const char *layout, *name;
  size_t train, val, test, classes;
};
constexpr Official kOfficial[] = {
    {"cub", "CUB-200-2011", 5994, 0, 5794, 200},
    {"nabirds", "NABirds", 23929, 0, 24633, 555},
    {"flowers", "Oxford Flowers-102", 1020, 1020, 6149, 102},
    {"dogs", "Stanford Dogs", 12000, 0, 8580, 120},
    {"cars", "Stanford Cars", 8144, 0, 8041, 196},
};

std::string sizes(size_t train, size_t val, size_t test, size_t classes) {
  return std::to_string(train) + '/' + std::to_string(val) + '/' + std::to_string(test) + " of " +
         std::to_string(classes) + " classes";
}

void note_what_is_unusual(Dataset& data) {
  for (const Official& o : kOfficial)
    if (data.layout == o.layout &&
        (data.train.size() != o.train || data.val.size() != o.val || data.test.size() != o.test ||
         data.class_names.size() != o.classes))
      add_note(data, std::string(o.name) + " has " + sizes(o.train, o.val, o.test, o.classes) +
                         " (train/val/test), found " +
                         sizes(data.train.size(), data.val.size(), data.test.size(),
                               data.class_names.size()));
  std::vector<bool> trained(data.class_names.size());
  for (const Sample& sample : data.train) trained[static_cast<size_t>(sample.label)] = true;
  if (const auto untrained = std::count(trained.begin(), trained.end(), false))
    add_note(data, "classes without a training image: " + std::to_string(untrained));
}

Dataset open(const DatasetOptions& options) {
  const Place place = find_layout(options);
  require(options.label_column.empty() || place.layout->open == open_list, ErrorKind::kUsage,
          "--label-column: the data set's layout is ", place.layout->name,
          ", which has none; list expected");
  require(options.class_depth == 0 || place.layout->open == open_folder, ErrorKind::kUsage,
          "--class-depth: the data set's layout is ", place.layout->name,
          ", which has none; folder expected");
  MissingFiles missing;
  Dataset data = place.layout->open({place.root, options, missing});
  data.missing_cause =
      cause_of(missing.files, data.train.size() + data.val.size() + data.test.size(), place.root);
  data.missing = std::move(missing.files);
  data.layout = place.layout->name;
  if (place.root != options.path) add_note(data, "read from " + place.root.string());
  if (place.layout->open != open_vpt_json && has(place.root, "train.json"))
    add_note(data, "train.json is there too: --dataset vpt-json reads it");
  note_what_is_unusual(data);
  return data;
}

void refuse_missing(const Dataset& data) {
  const std::vector<MissingFile>& missing = data.missing;
  if (missing.empty()) return;
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(missing.size(), 5); ++i)
    list += "\n  " + missing[i].where + ": " + missing[i].path;
  fail(ErrorKind::kData, "data set: ", missing.size(),
       missing.size() == 1 ? " listed image is" : " listed images are", " missing",
       data.missing_cause.empty() ? "" : ": ", data.missing_cause,
       missing.size() > 5 ? "; the first five:" : ":", list);
}

}  // namespace

Dataset open_dataset(const DatasetOptions& options) {
  const std::string& path = options.path;
  std::error_code error;
  require(fs::is_directory(path, error), ErrorKind::kData, "data set: ", path, ": ",
          error ? error.message() : "not a folder", "; a data set's folder expected");
  Dataset data;
  try {
    data = open(options);
  } catch (const fs::filesystem_error& failure) {  // a folder that may not be read
    fail(ErrorKind::kData, "data set: ", failure.what());
  }
  if (!options.keep_missing) refuse_missing(data);
  require(!data.train.empty(), ErrorKind::kData, "data set: ", path, " has no training image");
  hold_out(data, options.val_fraction, options.split_seed);
  return data;
}

void check_trainable(const Dataset& data, const DatasetOptions& options) {
  require(data.class_names.size() > 1, ErrorKind::kData, "data set: ", options.path,
          " has one class, ", data.class_names[0], "; two or more expected");
  if (!data.val.empty() || !data.test.empty()) return;
  std::vector<int64_t> counts(data.class_names.size());
  for (const Sample& sample : data.train) ++counts[static_cast<size_t>(sample.label)];
  const int64_t n = *std::max_element(counts.begin(), counts.end());
  std::ostringstream why;
  if (n == 1)
    why << "each class has a single image, which is trained on"
        << (data.note.empty() ? "" : " (" + data.note + ")")
        << (data.layout == "list" ? "; or is another --label-column meant?" : "");
  else
    why << "--val-fraction " << options.val_fraction << " of the largest class's " << n
        << " images is none; " << std::ceil(50.0 / static_cast<double>(n)) / 100 << " is one";
  fail(ErrorKind::kData, "data set: ", options.path, " (", data.layout,
       ") has neither validation nor test images, one of them expected: ", why.str());
}

void hold_out(Dataset& data, double fraction, uint64_t seed) {
  if (!data.val.empty() || data.trains_on_val) return;
  std::vector<std::vector<std::pair<uint64_t, size_t>>> by_class(data.class_names.size());
  for (size_t i = 0; i < data.train.size(); ++i) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : fs::path(data.train[i].path).filename().string())
      hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    const auto words = Random(seed, 0, hash, Purpose::split).four(0);
    by_class[static_cast<size_t>(data.train[i].label)].emplace_back(
        uint64_t{words[0]} << 32 | words[1], i);
  }
  std::vector<bool> held(data.train.size());
  for (auto& images : by_class) {
    if (images.empty()) continue;
    std::sort(images.begin(), images.end());
    const double n = static_cast<double>(images.size());
    const auto count = std::min(images.size() - 1, static_cast<size_t>(n * fraction + 0.5));
    for (size_t k = 0; k < count; ++k) held[images[k].second] = true;
  }
  std::vector<Sample> train;
  for (size_t i = 0; i < held.size(); ++i)
    (held[i] ? data.val : train).push_back(std::move(data.train[i]));
  data.train = std::move(train);
}

}  // namespace lspt
