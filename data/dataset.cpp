#include "data/dataset.h"

#include "data/datasets/layouts.h"
#include "engine/error.h"

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

fs::path first_existing(const fs::path& root, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (fs::exists(root / name)) return root / name;
  return {};
}

Dataset open(const fs::path& root, std::string kind, const std::string& train_list,
             const std::string& test_list) {
  if (!train_list.empty() || !test_list.empty()) kind = "list";
  if (kind == "auto") kind = detect(root);
  if (kind == "cub") return open_cub(root);
  if (kind == "folder") return open_folder(root);
  require(kind == "list", ErrorKind::kUsage, "data set: kind `", kind,
          "`, auto, cub, list or folder expected");
  return open_list(
      root, root / (train_list.empty() ? "train.txt" : train_list),
      test_list.empty() ? first_existing(root, {"test.txt", "val.txt"}) : root / test_list);
}

}  // namespace

Dataset open_dataset(const std::string& path, const std::string& kind,
                     const std::string& train_list, const std::string& test_list) {
  std::error_code error;
  require(fs::is_directory(path, error), ErrorKind::kData, "data set: ", path, ": ",
          error ? error.message() : "not a folder", "; a data set's folder expected");
  Dataset data;
  try {
    data = open(path, kind, train_list, test_list);
  } catch (const fs::filesystem_error& failure) {  // a folder that may not be read
    fail(ErrorKind::kData, "data set: ", failure.what());
  }
  require(!data.train.empty(), ErrorKind::kData, "data set: ", path, " has no training image");
  return data;
}

}  // namespace lspt
