// Stanford Dogs: two MATLAB lists of files and labels. A label is the rank of its number, 1 .. 120,
// among those in use; a class is named as its folder.
#include <map>

#include "data/datasets/layouts.h"
#include "data/mat/mat.h"
#include "engine/error.h"

namespace lspt {
namespace {

struct Dog {
  std::string path, where;
  int64_t id;
};

std::vector<Dog> read_list_file(const fs::path& path) {
  const MatFile file = read_mat(path.string());
  const MatValue& names = file.get("file_list", MatValue::Kind::cells);
  const std::vector<int64_t> ids =
      integers(file.get("labels", MatValue::Kind::numbers), file.name + ": labels");
  require(ids.size() == names.values.size(), ErrorKind::kData, file.name, ": ", names.values.size(),
          " files in file_list, but ", ids.size(), " labels");
  std::vector<Dog> dogs;
  for (size_t i = 0; i < ids.size(); ++i)
    dogs.push_back(
        {text_of(names.values[i], file.where("file_list", i)), file.where("file_list", i), ids[i]});
  return dogs;
}

}  // namespace

Dataset open_dogs(const Source& source) {
  const auto list = [&](const char* name) {
    const std::string in_lists = std::string("lists/") + name;
    return read_list_file(first_of(source.root, {name, in_lists.c_str()}));
  };
  const std::vector<Dog> train = list("train_list.mat"), test = list("test_list.mat");
  std::map<int64_t, std::string> folder_of;
  std::map<std::string, int64_t> id_of;
  for (const auto* part : {&train, &test})
    for (const Dog& dog : *part) {
      const std::string folder = dog.path.substr(0, dog.path.find('/'));
      const auto [by_id, new_id] = folder_of.emplace(dog.id, folder);
      const auto [by_folder, new_folder] = id_of.emplace(folder, dog.id);
      require(by_id->second == folder && by_folder->second == dog.id, ErrorKind::kData, dog.where,
              ": label ", dog.id, " for an image of ", folder, ", but label ", dog.id, " is ",
              by_id->second, " and ", folder, " has label ", by_folder->second);
    }
  Dataset data;
  std::map<int64_t, int> rank;
  for (const auto& [id, folder] : folder_of) {
    rank[id] = static_cast<int>(data.class_names.size());
    data.class_names.push_back(folder);
  }
  const fs::path images = source.root / "Images";
  const auto fill = [&](const std::vector<Dog>& dogs, std::vector<Sample>& part) {
    for (const Dog& dog : dogs) {
      const fs::path path = inside(images, dog.path, dog.where);
      part.push_back(source.missing.sample(path, rank.at(dog.id), dog.where));
    }
  };
  fill(train, data.train);
  fill(test, data.test);
  return data;
}

}  // namespace lspt
