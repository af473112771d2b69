// Images without labels.
#include "data/datasets/folder_tree.h"
#include "data/datasets/layouts.h"
#include "data/images/endings.h"

namespace lspt {

Dataset open_images(const Source& source) {
  Dataset data;
  data.class_names = {"image"};
  walk(source.root, [&](const std::string& folder, const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      if (!looks_like_image(file)) continue;
      std::string path = (source.root / folder / file).string();
      const FileStamp stamp = stamp_of(path);
      data.train.push_back({std::move(path), 0, stamp});
    }
    return false;
  });
  return data;
}

}  // namespace lspt
