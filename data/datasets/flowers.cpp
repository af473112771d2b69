// Oxford Flowers-102: labels and splits are MATLAB files. Official training is the small split of
// 10 images a class, trnid; tstid, the large one, is for testing.
#include "data/datasets/layouts.h"
#include "data/mat/mat.h"
#include "engine/error.h"

namespace lspt {

Dataset open_flowers(const Source& source) {
  const MatFile labels_file = read_mat((source.root / "imagelabels.mat").string());
  const MatFile splits_file = read_mat((source.root / "setid.mat").string());
  const auto read = [](const MatFile& file, const std::string& variable) {
    return integers(file.get(variable, MatValue::Kind::numbers), file.name + ": " + variable);
  };
  const std::vector<int64_t> labels = read(labels_file, "labels");
  const int64_t images = static_cast<int64_t>(labels.size());
  std::vector<bool> used;
  for (size_t i = 0; i < labels.size(); ++i) {
    require(labels[i] >= 1 && labels[i] <= images, ErrorKind::kData, labels_file.where("labels", i),
            ": class ", labels[i], ", 1 or more expected");
    used.resize(std::max(used.size(), static_cast<size_t>(labels[i])));
    used[static_cast<size_t>(labels[i]) - 1] = true;
  }
  Dataset data;
  for (size_t k = 1; k <= used.size(); ++k) {
    require(used[k - 1], ErrorKind::kData, labels_file.name, ": no image has class ", k, " of ",
            used.size());
    data.class_names.push_back(std::to_string(k));  // the files name none
  }

  std::vector<const char*> split_of(labels.size(), nullptr);
  const auto fill = [&](const char* split, std::vector<Sample>& part) {
    const std::vector<int64_t> ids = read(splits_file, split);
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string where = splits_file.where(split, i);
      require(ids[i] >= 1 && ids[i] <= images, ErrorKind::kData, where, ": image ", ids[i],
              ", 1 to ", images, " expected");
      const size_t image = static_cast<size_t>(ids[i]) - 1;
      require(!split_of[image], ErrorKind::kData, where, ": image ", ids[i], " is in ",
              split_of[image], " already");
      split_of[image] = split;
      std::string number = std::to_string(ids[i]);
      number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
      const fs::path path = source.root / "jpg" / ("image_" + number + ".jpg");
      part.push_back(source.missing.sample(path, static_cast<int>(labels[image]) - 1, where));
    }
  };
  fill("trnid", data.train);
  fill("valid", data.val);
  fill("tstid", data.test);
  for (size_t i = 0; i < split_of.size(); ++i)
    require(split_of[i], ErrorKind::kData, splits_file.name, ": image ", i + 1, " of ", images,
            " is in no split");
  return data;
}

}  // namespace lspt
