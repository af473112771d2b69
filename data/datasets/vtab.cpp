// VTAB-1k as NOAH publishes it: a folder for each task, with `path label` lists of 1,000 images for
// training and of the full test set. Tuning trains on train800 and validates on val200; final
// results train on train800val200, a list of both.
#include <algorithm>

#include "data/datasets/layouts.h"
#include "engine/error.h"

namespace lspt {
namespace {

struct Task {
  std::vector<std::string_view> names;  // of the folder; TFDS' name in VPT's configurations
  size_t classes, test;
};

const std::vector<Task>& tasks() {
  static const std::vector<Task> table = {
      // natural
      {{"cifar", "cifar_100", "cifar100", "cifar(num_classes=100)"}, 100, 10000},
      {{"caltech101", "caltech_102"}, 102, 6084},
      {{"dtd", "dtd_47"}, 47, 1880},
      {{"oxford_flowers102"}, 102, 6149},
      {{"oxford_iiit_pet", "oxford_iiit_pets_37"}, 37, 3669},
      {{"svhn"}, 10, 26032},
      {{"sun397"}, 397, 21750},
      // specialized
      {{"patch_camelyon"}, 2, 32768},
      {{"eurosat"}, 10, 5400},
      {{"resisc45"}, 45, 6300},
      {{"diabetic_retinopathy", "diabetic_retinopathy(config=\"btgraham-300\")"}, 5, 42670},
      // structured
      {{"clevr_count", "clevr(task=\"count_all\")"}, 8, 15000},
      {{"clevr_dist", "clevr(task=\"closest_object_distance\")"}, 6, 15000},
      {{"dmlab"}, 6, 22735},
      {{"kitti", "kitti(task=\"closest_vehicle_distance\")"}, 4, 711},
      {{"dsprites_loc", "dsprites(predicted_attribute=\"label_x_position\",num_classes=16)"},
       16,
       73728},
      {{"dsprites_ori", "dsprites(predicted_attribute=\"label_orientation\",num_classes=16)"},
       16,
       73728},
      {{"smallnorb_azi", "smallnorb(predicted_attribute=\"label_azimuth\")"}, 18, 12150},
      {{"smallnorb_ele", "smallnorb(predicted_attribute=\"label_elevation\")"}, 9, 12150},
  };
  return table;
}

const Task* task_of(const fs::path& root) {
  const std::string folder = fs::canonical(root).filename().string();
  for (const Task& task : tasks())
    if (std::find(task.names.begin(), task.names.end(), folder) != task.names.end()) return &task;
  return nullptr;
}

}  // namespace

Dataset open_vtab(const Source& source) {
  const fs::path& root = source.root;
  const DatasetOptions& o = source.options;
  constexpr const char *kTuning = "train800.txt", *kFinal = "train800val200.txt";
  const std::string train = !o.train_list.empty() ? o.train_list
                            : has(root, kTuning)  ? kTuning
                                                  : kFinal;
  const bool whole = fs::path(train).filename() == kFinal && o.val_list.empty();
  std::vector<ListEntry> entries;
  const auto append = [&](const std::string& file, std::vector<Sample> Dataset::*part) {
    append_entries(root, read_lines(root / file), part, entries);
  };
  append(train, &Dataset::train);
  if (!whole) append(o.val_list.empty() ? "val200.txt" : o.val_list, &Dataset::val);
  append(o.test_list.empty() ? "test.txt" : o.test_list, &Dataset::test);

  // A thousand images may lack a class, so the task says how many there are.
  const Task* task = task_of(root);
  std::vector<std::string> names = names_in_classes_txt(root);
  const std::string named_by = names.empty() && task ? "the task" : "classes.txt";
  for (size_t k = 0; task && named_by == "the task" && k < task->classes; ++k)
    names.push_back(std::to_string(k));
  Dataset data = label_entries(entries, std::move(names), named_by, source.missing);
  data.trains_on_val = whole;
  if (whole)
    add_note(data, std::string("trains on all of ") + kFinal + ": no image is left for validation");
  if (!task)
    add_note(data, "the folder's name is none of VTAB's tasks: its classes are those of the lists");
  else if (data.test.size() != task->test || data.train.size() + data.val.size() != 1000)
    add_note(data, "VTAB has 1000 images for training and validation and " +
                       std::to_string(task->test) + " test images for this task; found " +
                       std::to_string(data.train.size() + data.val.size()) + " and " +
                       std::to_string(data.test.size()));
  return data;
}

}  // namespace lspt
