#include "data/dataset.h"

#include <algorithm>

#include "data/datasets/layouts.h"
#include "engine/error.h"
#include "engine/random.h"

namespace lspt {
namespace {

std::string detect(const fs::path& root) {
  if (fs::exists(root / "images.txt") && fs::exists(root / "image_class_labels.txt")) return "cub";
  if (fs::exists(root / "train.txt")) return "list";
  for (const fs::directory_entry& entry : fs::directory_iterator(root))
    if (entry.is_directory()) return "folder";
  fail(
      ErrorKind::kData, "data set: ", root.string(),
      " has no images.txt (CUB layout), no train.txt (`path label` lists) and no folder per class");
}

Dataset open(const DatasetOptions& options) {
  const fs::path root = options.path;
  const bool lists = !(options.train_list + options.val_list + options.test_list).empty();
  const std::string kind = lists ? "list" : options.kind == "auto" ? detect(root) : options.kind;
  if (kind == "cub") return open_cub(root);
  if (kind == "folder") return open_folder(root);
  require(kind == "list", ErrorKind::kUsage, "data set: kind `", kind,
          "`, auto, cub, list or folder expected");
  const auto list = [&](const std::string& given, const char* usual) {
    if (!given.empty()) return root / given;
    return !lists && fs::exists(root / usual) ? root / usual : fs::path();
  };
  return open_list(root, root / (options.train_list.empty() ? "train.txt" : options.train_list),
                   list(options.val_list, "val.txt"), list(options.test_list, "test.txt"));
}

void refuse_missing(const std::vector<MissingFile>& missing) {
  if (missing.empty()) return;
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(missing.size(), 5); ++i)
    list += "\n  " + missing[i].where + ": " + missing[i].path;
  fail(ErrorKind::kData, "data set: ", missing.size(),
       missing.size() == 1 ? " listed image is" : " listed images are", " missing",
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
  if (!options.keep_missing) refuse_missing(data.missing);
  require(!data.train.empty(), ErrorKind::kData, "data set: ", path, " has no training image");
  if (data.val.empty()) hold_out(data, options.val_fraction, options.split_seed);
  return data;
}

void hold_out(Dataset& data, double fraction, uint64_t seed) {
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
