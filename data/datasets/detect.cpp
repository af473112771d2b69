// Which layout a folder has, by what it holds.
#include <algorithm>

#include "data/datasets/folder_tree.h"
#include "engine/error.h"

namespace lspt {

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> table = {
      {"nabirds",
       "hierarchy.txt, images.txt, image_class_labels.txt, train_test_split.txt, "
       "classes.txt, images/",
       [](const fs::path& root) {
         return has(root, "image_class_labels.txt") && has(root, "hierarchy.txt");
       },
       open_cub, false},
      {"cub", "images.txt, image_class_labels.txt, train_test_split.txt, classes.txt, images/",
       [](const fs::path& root) { return has(root, "image_class_labels.txt"); }, open_cub, false},
      {"flowers", "imagelabels.mat, setid.mat, jpg/",
       [](const fs::path& root) { return has(root, "imagelabels.mat") && has(root, "setid.mat"); },
       open_flowers, false},
      {"dogs", "train_list.mat, test_list.mat (here or in lists/), Images/",
       [](const fs::path& root) {
         return has(root, "train_list.mat") || has(root, "lists/train_list.mat");
       },
       open_dogs, false},
      {"cars",
       "cars_train/, cars_test/, devkit/, cars_test_annos_withlabels.mat; or car_ims/, "
       "cars_annos.mat",
       [](const fs::path& root) {
         return has(root, "cars_annos.mat") || has(root, "cars_train_annos.mat") ||
                has(root, "devkit/cars_train_annos.mat");
       },
       open_cars, false},
      {"vtab", "train800.txt, val200.txt, train800val200.txt, test.txt (one task's folder)",
       [](const fs::path& root) {
         return has(root, "train800.txt") || has(root, "train800val200.txt");
       },
       open_vtab, true},
      {"vpt-json", "train.json, and val.json, test.json",
       [](const fs::path& root) { return has(root, "train.json"); }, open_vpt_json, true},
      {"list", "train.txt, and val.txt, test.txt: lines of `path label` (or .csv, .tsv)",
       [](const fs::path& root) { return fs::exists(list_named(root, "train")); }, open_list, true},
      {"folder", "a folder per class, in train/, val/ and test/ or here", is_folder_per_class,
       open_folder, false},
      {"images", "images in folders of any depth, without labels",
       [](const fs::path&) { return false; }, open_images, false},
  };
  return table;
}

namespace {

const Layout* by_name(std::string_view name) {
  for (const Layout& layout : layouts())
    if (layout.name == name) return &layout;
  return nullptr;
}

/// The only folder in root of that layout, or of any but class folders; null if there is none.
Place find_below(const fs::path& root, const Layout* asked) {
  std::vector<Place> below;
  std::string names;
  for (const std::string& name : entries_of(root, true))
    for (const Layout& layout : layouts())
      if ((asked ? &layout == asked : layout.open != open_folder) && layout.found(root / name)) {
        below.push_back({&layout, root / name});
        names += (names.empty() ? "" : ", ") + name;
        break;
      }
  require(below.size() <= 1, ErrorKind::kData, "data set: ", root.string(), " holds ", below.size(),
          " data sets: ", names, "; one of these folders expected");
  return below.empty() ? Place{nullptr, root} : below[0];
}

[[noreturn]] void fail_unknown(const fs::path& root) {
  std::vector<std::string> entries = entries_of(root, true);
  for (std::string& name : entries) name += '/';
  for (std::string& name : entries_of(root, false)) entries.push_back(std::move(name));
  std::string found, needs;
  for (size_t i = 0; i < std::min<size_t>(entries.size(), 8); ++i)
    found += (i ? ", " : "") + entries[i];
  for (const Layout& layout : layouts()) {
    if (layout.open == open_images) continue;
    std::string name = layout.name;
    name.resize(10, ' ');
    needs += "\n  " + name + layout.needs;
  }
  fail(ErrorKind::kData, "data set: ", root.string(), ": no known layout; found ",
       entries.empty() ? "nothing" : found, entries.size() > 8 ? ", ..." : "",
       "; one of these expected:", needs);
}

}  // namespace

Place find_layout(const DatasetOptions& o) {
  const fs::path root = o.path;
  const std::string lists = o.train_list + o.val_list + o.test_list;
  if (o.kind != "auto") {
    std::string kinds;
    for (const Layout& layout : layouts()) kinds += std::string(", ") + layout.name;
    const Layout* layout = by_name(o.kind);
    require(layout, ErrorKind::kUsage, "data set: kind `", o.kind, "`, auto", kinds, " expected");
    require(lists.empty() || layout->lists, ErrorKind::kUsage,
            "data set: lists are named for layout ", o.kind,
            ", which has none; vtab, vpt-json or list expected");
    if (layout->found(root) || !lists.empty() || layout->open == open_folder) return {layout, root};
    const Place below = find_below(root, layout);
    return below.layout ? below : Place{layout, root};
  }
  if (!lists.empty()) {
    if (lists.ends_with(".json")) return {by_name("vpt-json"), root};
    return {by_name(by_name("vtab")->found(root) ? "vtab" : "list"), root};
  }
  for (const Layout& layout : layouts())
    if (layout.open != open_folder && layout.found(root)) return {&layout, root};
  if (const Place below = find_below(root, nullptr); below.layout) return below;
  const bool loose = o.unlabelled && any_image(entries_of(root, false));  // images of no class
  if ((loose || !is_folder_per_class(root)) && o.class_depth == 0) {
    if (o.unlabelled) return {by_name("images"), root};
    fail_unknown(root);
  }
  return {by_name("folder"), root};
}

}  // namespace lspt
