// Stanford Cars, in the two forms in which it was published. Their file numbers do not correspond.
#include <algorithm>

#include "data/datasets/layouts.h"
#include "data/mat/mat.h"
#include "engine/error.h"

namespace lspt {
namespace {

/// The structure array `annotations` of a file: images with boxes, classes, or both.
class Annotations {
 public:
  explicit Annotations(const fs::path& path)
      : file_(read_mat(path.string())),
        value_(file_.get("annotations", MatValue::Kind::structure)) {}
  const MatFile& file() const { return file_; }
  size_t count() const { return static_cast<size_t>(value_.count()); }
  std::string where(size_t i) const { return file_.where("annotations", i); }
  bool has_field(const std::string& field) const { return index(field) < value_.fields.size(); }
  const MatValue& get(size_t i, const std::string& field) const {
    require(has_field(field), ErrorKind::kData, file_.name, ": annotations have no field ", field);
    return value_.values[i * value_.fields.size() + index(field)];
  }
  int64_t integer(size_t i, const std::string& field) const {
    const std::vector<int64_t> all = integers(get(i, field), where(i) + "." + field);
    require(all.size() == 1, ErrorKind::kData, where(i), ".", field, ": ", all.size(),
            " numbers, one expected");
    return all[0];
  }

 private:
  size_t index(const std::string& field) const {
    return static_cast<size_t>(std::find(value_.fields.begin(), value_.fields.end(), field) -
                               value_.fields.begin());
  }
  MatFile file_;
  const MatValue& value_;
};

std::vector<std::string> class_names(const MatFile& file) {
  std::vector<std::string> names;
  for (const MatValue& name : file.get("class_names", MatValue::Kind::cells).values)
    names.push_back(text_of(name, file.where("class_names", names.size())));
  return names;
}

// Appends image i, whose name is relative to `folder`.
void append(const Annotations& annotations, size_t i, const char* name_field,
            const fs::path& folder, const Source& source, const Dataset& data,
            std::vector<Sample>& part) {
  const std::string where = annotations.where(i);
  const int64_t id = annotations.integer(i, "class");
  require(id >= 1 && id <= static_cast<int64_t>(data.class_names.size()), ErrorKind::kData, where,
          ": class ", id, ", 1 to ", data.class_names.size(), " expected");
  const fs::path path = inside(folder, text_of(annotations.get(i, name_field), where), where);
  part.push_back(source.missing.sample(path, static_cast<int>(id) - 1, where));
}

Dataset open_merged(const Source& source) {
  const Annotations annotations(source.root / "cars_annos.mat");
  Dataset data;
  data.class_names = class_names(annotations.file());
  for (size_t i = 0; i < annotations.count(); ++i) {
    const int64_t test = annotations.integer(i, "test");
    require(test == 0 || test == 1, ErrorKind::kData, annotations.where(i), ": test = ", test,
            ", 0 or 1 expected");
    append(annotations, i, "relative_im_path", source.root, source, data,
           test ? data.test : data.train);
  }
  return data;
}

Dataset open_split(const Source& source, const fs::path& devkit) {
  const fs::path& root = source.root;
  Dataset data;
  data.class_names = class_names(read_mat((devkit / "cars_meta.mat").string()));
  const auto fill = [&](const fs::path& file, const char* folder, std::vector<Sample>& part) {
    const Annotations annotations(file);
    for (size_t i = 0; i < annotations.count(); ++i)
      append(annotations, i, "fname", root / folder, source, data, part);
  };
  fill(devkit / "cars_train_annos.mat", "cars_train", data.train);
  constexpr const char* kLabelled = "cars_test_annos_withlabels.mat";
  const fs::path here = has(root, kLabelled) ? root : devkit;
  if (has(here, kLabelled))
    fill(here / kLabelled, "cars_test", data.test);
  else
    add_note(data, std::string("no test images, since their labels are missing: put ") + kLabelled +
                       " into " + root.string() + " or its devkit/ (cars_test_annos.mat has none)");
  if (has(root, "cars_annos.mat"))
    add_note(data, "cars_annos.mat, the merged form, is there too and not read");
  return data;
}

}  // namespace

Dataset open_cars(const Source& source) {
  const fs::path devkit = has(source.root, "devkit") ? source.root / "devkit" : source.root;
  return has(devkit, "cars_train_annos.mat") ? open_split(source, devkit) : open_merged(source);
}

}  // namespace lspt
