/// What the tests of data set layouts share.
#pragma once

#include "data/dataset.h"
#include "tests/data_fixtures.h"

namespace lspt {

using Names = std::vector<std::string>;

// "a.jpg 0" for every sample, paths relative to the folder.
inline Names listed(const TempFolder& folder, const std::vector<Sample>& samples) {
  Names out;
  for (const Sample& sample : samples)
    out.push_back(sample.path.substr(folder.path().size() + 1) + " " +
                  std::to_string(sample.label));
  return out;
}

inline std::string error_of_opening(const TempFolder& folder, const std::string& kind = "auto") {
  return error_of([&] { open_dataset({folder.path(), kind}); });
}

inline void touch(const TempFolder& folder, const Names& names) {
  for (const std::string& name : names) folder.write(name, "not decoded here");
}

// tests/golden/mat/NAME.mat as `to`.
inline void copy_mat(const TempFolder& folder, const std::string& name, const std::string& to) {
  folder.write(to, read_file("tests/golden/mat/" + name + ".mat"));
}

inline void write_dogs(const TempFolder& folder, const std::string& lists) {
  copy_mat(folder, "dogs_train_list", lists + "train_list.mat");
  copy_mat(folder, "dogs_test_list", lists + "test_list.mat");
  touch(folder,
        {"Images/n02085620-Chihuahua/n02085620_1.jpg", "Images/n02085620-Chihuahua/n02085620_2.jpg",
         "Images/n02086646-Blenheim_spaniel/n02086646_4.jpg",
         "Images/n02086646-Blenheim_spaniel/n02086646_9.jpg"});
}

inline const Names kCars = {"Acura RL Sedan 2012", "Ram C/V Cargo Van Minivan 2012"};

}  // namespace lspt
