// The published data sets' own layouts, on small folders.
#include <algorithm>
#include <map>

#include "tests/data_layouts.h"

namespace lspt {
namespace {

// A MAT-file of arrays of numbers.
std::string mat_of(const std::map<std::string, std::vector<double>>& variables) {
  std::string bytes = std::string("MATLAB 5.0 MAT-file") + std::string(105, ' ') + '\0' + "\1IM";
  const auto put = [](std::string& to, std::initializer_list<size_t> words) {
    for (const size_t word : words)
      for (int k = 0; k < 4; ++k) to += static_cast<char>(word >> 8 * k & 0xff);
  };
  for (const auto& [name, numbers] : variables) {
    std::string body;
    put(body, {6, 8, 6, 0, 5, 8, 1, numbers.size(), 1, name.size()});
    body += name + std::string((8 - name.size() % 8) % 8, '\0');
    put(body, {9, 8 * numbers.size()});
    body.append(reinterpret_cast<const char*>(numbers.data()), 8 * numbers.size());
    put(bytes, {14, body.size()});
    bytes += body;
  }
  return bytes;
}

TEST_CASE("NABirds: labels are ranks of the used ids, names repeat, paths come from images.txt") {
  const TempFolder folder;
  folder.write("hierarchy.txt", "1 0\n817 1\n1010 1\n");
  folder.write("classes.txt",
               "0 Birds\n1 Oak Titmouse\n817 Oak Titmouse\n1010 Crow, Black/Gray (Male)\n");
  folder.write("images.txt", "aa-1 1010/AA1.JPG\nbb-2 0817/bb2.jpg\n");
  folder.write("image_class_labels.txt", "aa-1 1010\nbb-2 817\n");
  folder.write("train_test_split.txt", "aa-1 1\nbb-2 0\n");
  touch(folder, {"images/1010/AA1.JPG", "images/0817/bb2.jpg"});
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.layout == "nabirds");
  CHECK(data.class_names == Names{"Oak Titmouse", "Crow, Black/Gray (Male)"});
  CHECK(listed(folder, data.train) == Names{"images/1010/AA1.JPG 1"});
  CHECK(listed(folder, data.test) == Names{"images/0817/bb2.jpg 0"});
  CHECK(contains(data.note,
                 "NABirds has 23929/0/24633 of 555 classes (train/val/test), found 1/0/1"));
  CHECK(contains(data.note, "classes without a training image: 1"));
}

void write_flowers(const TempFolder& folder) {
  copy_mat(folder, "flowers_imagelabels", "imagelabels.mat");
  copy_mat(folder, "flowers_setid", "setid.mat");
  for (int i = 101; i <= 112; ++i)
    folder.write("jpg/image_000" + std::to_string(i).substr(1) + ".jpg", "-");
}

TEST_CASE("Oxford Flowers trains on trnid, validates on valid, tests on tstid") {
  const TempFolder folder;
  write_flowers(folder);
  DatasetOptions options{folder.path()};
  options.val_fraction = 0.5;
  const Dataset data = open_dataset(options);
  CHECK(data.layout == "flowers");
  CHECK(data.class_names == Names{"1", "2", "3"});
  CHECK(listed(folder, data.train) ==
        Names{"jpg/image_00005.jpg 0", "jpg/image_00003.jpg 1", "jpg/image_00001.jpg 2"});
  CHECK(listed(folder, data.val) ==
        Names{"jpg/image_00002.jpg 0", "jpg/image_00004.jpg 1", "jpg/image_00006.jpg 2"});
  CHECK(data.test.size() == 6);
  CHECK(data.test[5].label == 1);
  folder.write("setid.mat", "-");
  CHECK(contains(error_of_opening(folder), "setid.mat: shorter than a header"));
  std::filesystem::remove(folder / "setid.mat");
  CHECK(contains(error_of_opening(folder), "flowers   imagelabels.mat, setid.mat, jpg/"));
}

TEST_CASE("splits of Oxford Flowers are disjoint and complete, classes have no gap") {
  const TempFolder folder;
  write_flowers(folder);
  const auto error_with = [&](const std::vector<double>& labels, const std::vector<double>& train,
                              const std::vector<double>& val, const std::vector<double>& test) {
    folder.write("imagelabels.mat", mat_of({{"labels", labels}}));
    folder.write("setid.mat", mat_of({{"trnid", train}, {"valid", val}, {"tstid", test}}));
    return error_of_opening(folder);
  };
  CHECK(error_with({1, 2, 1}, {1}, {2}, {3}).empty());
  CHECK(contains(error_with({1, 2, 1}, {1}, {2}, {1, 3}), "tstid(1): image 1 is in trnid already"));
  CHECK(contains(error_with({1, 2, 1}, {1}, {2, 2}, {3}), "valid(2): image 2 is in valid already"));
  CHECK(contains(error_with({1, 2, 1}, {1}, {2}, {}), "image 3 of 3 is in no split"));
  CHECK(contains(error_with({1, 2, 1}, {1}, {2}, {4}), "tstid(1): image 4, 1 to 3 expected"));
  CHECK(contains(error_with({1, 2, 1}, {0}, {2}, {3}), "trnid(1): image 0, 1 to 3 expected"));
  CHECK(contains(error_with({1, 3, 1}, {1}, {2}, {3}), "no image has class 2 of 3"));
  CHECK(contains(error_with({0, 2, 1}, {1}, {2}, {3}), "labels(1): class 0"));
  CHECK(contains(error_with({1, 1e9, 1}, {1}, {2}, {3}), "labels(2): class 1000000000"));
  CHECK(contains(error_with({1, 1.5, 1}, {1}, {2}, {3}), "found 1.5, an integer expected"));
}

TEST_CASE("Stanford Dogs' lists are read where they are or in lists/; folders name the classes") {
  for (const std::string lists : {"", "lists/"}) {
    const TempFolder folder;
    write_dogs(folder, lists);
    const Dataset data = open_dataset({folder.path()});
    CHECK(data.layout == "dogs");
    CHECK(data.class_names == Names{"n02085620-Chihuahua", "n02086646-Blenheim_spaniel"});
    CHECK(listed(folder, data.train) == Names{"Images/n02085620-Chihuahua/n02085620_1.jpg 0",
                                              "Images/n02086646-Blenheim_spaniel/n02086646_4.jpg 1",
                                              "Images/n02085620-Chihuahua/n02085620_2.jpg 0"});
    CHECK(listed(folder, data.test) ==
          Names{"Images/n02086646-Blenheim_spaniel/n02086646_9.jpg 1"});
  }
  const TempFolder folder;
  write_dogs(folder, "");
  copy_mat(folder, "dogs_conflict_list", "train_list.mat");
  CHECK(contains(error_of_opening(folder),
                 "train_list.mat: file_list(2): label 1 for an image of "
                 "n02086646-Blenheim_spaniel, but label 1 is n02085620-Chihuahua"));
  std::filesystem::remove(folder / "test_list.mat");
  CHECK(contains(error_of_opening(folder), "test_list.mat: No such file"));
}

TEST_CASE("Stanford Cars, split: test labels are where they may be put, or said to be missing") {
  const TempFolder folder;
  copy_mat(folder, "cars_meta", "devkit/cars_meta.mat");
  copy_mat(folder, "cars_train_annos", "devkit/cars_train_annos.mat");
  copy_mat(folder, "cars_test_annos", "devkit/cars_test_annos.mat");
  touch(folder, {"cars_train/00001.jpg", "cars_train/00002.jpg", "cars_train/00003.jpg",
                 "cars_test/00001.jpg"});
  const Dataset unlabelled = open_dataset({folder.path()});
  CHECK(unlabelled.layout == "cars");
  CHECK(unlabelled.class_names == kCars);
  CHECK(listed(folder, unlabelled.train) ==
        Names{"cars_train/00001.jpg 1", "cars_train/00002.jpg 0", "cars_train/00003.jpg 1"});
  CHECK(unlabelled.test.empty());
  CHECK(contains(unlabelled.note, "put cars_test_annos_withlabels.mat into " + folder.path()));
  for (const std::string place : {"devkit/", ""}) {
    const std::string file = place + "cars_test_annos_withlabels.mat";
    copy_mat(folder, "cars_test_annos_withlabels", file);
    CHECK(listed(folder, open_dataset({folder.path()}).test) == Names{"cars_test/00001.jpg 0"});
    copy_mat(folder, "cars_test_annos", file);
    CHECK(contains(error_of_opening(folder), file + ": annotations have no field class"));
    std::filesystem::remove(folder / file);
  }
  const Dataset forced = open_dataset({folder.path(), "cars"});
  CHECK(forced.train.size() == 3);
}

TEST_CASE("Stanford Cars, merged: one file has both splits") {
  const TempFolder folder;
  copy_mat(folder, "cars_annos", "cars_annos.mat");
  touch(folder, {"car_ims/000001.jpg", "car_ims/000002.jpg", "car_ims/000003.jpg"});
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.layout == "cars");
  CHECK(data.class_names == kCars);
  CHECK(listed(folder, data.train) == Names{"car_ims/000001.jpg 0", "car_ims/000003.jpg 1"});
  CHECK(listed(folder, data.test) == Names{"car_ims/000002.jpg 1"});
  std::filesystem::remove(folder / "car_ims/000002.jpg");
  CHECK(contains(error_of_opening(folder), "cars_annos.mat: annotations(2): "));
}

TEST_CASE("validation images may be in valid/ or validation/; images beside that are named") {
  for (const char* name : {"val", "valid", "validation"}) {
    const TempFolder folder;
    touch(folder, {"train/wren/1.jpg", "train/jay/2.jpg", "test/jay/3.jpg", "notes/4.txt"});
    folder.write(std::string(name) + "/jay/5.jpg", "-");
    CHECK(open_dataset({folder.path()}).val.size() == 1);
    folder.write("extra/jay/6.jpg", "-");
    CHECK(contains(error_of_opening(folder), "/extra holds images, and is none of train/, val/"));
    std::filesystem::remove_all(folder / "extra");
    folder.write(name == std::string("val") ? "valid/jay/7.jpg" : "val/jay/7.jpg", "-");
    CHECK(contains(error_of_opening(folder), "which mean the same"));
  }
}

}  // namespace
}  // namespace lspt
