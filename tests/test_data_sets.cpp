#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "data/dataset.h"
#include "data/synth.h"
#include "tests/data_fixtures.h"

namespace lspt {
namespace {

using Names = std::vector<std::string>;

// Three images of two classes; ids, files and classes in different orders.
void write_cub(const TempFolder& folder) {
  folder.write("images.txt", "7 001.Wren/b.jpg\n2 010.Jay/a.jpg\n5 001.Wren/a.jpg\n");
  folder.write("image_class_labels.txt", "2 2\n5 1\n7 1\n");
  folder.write("train_test_split.txt", "5 0\n2 1\n7 1\n");
  folder.write("classes.txt", "1 001.Wren\n2 010.Jay\n");
  for (const char* name : {"001.Wren/a.jpg", "001.Wren/b.jpg", "010.Jay/a.jpg"})
    folder.write(std::string("images/") + name, "not decoded here");
}

std::string error_of_opening(const TempFolder& folder, const std::string& kind = "auto") {
  return error_of([&] { open_dataset({folder.path(), kind}); });
}

TEST_CASE("CUB's files are paired by id and labels count from zero") {
  const TempFolder folder;
  write_cub(folder);
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.layout == "cub");
  CHECK(data.class_names == Names{"001.Wren", "010.Jay"});
  REQUIRE(data.train.size() == 2);
  REQUIRE(data.test.size() == 1);
  CHECK(data.train[0].path == folder / "images/001.Wren/b.jpg");
  CHECK(data.train[0].label == 0);
  CHECK(data.train[1].label == 1);
  CHECK(data.test[0].path == folder / "images/001.Wren/a.jpg");
}

TEST_CASE("a real data set in CUB's layout, the folder LSPT_DATA, is read whole and decodes") {
  const char* root = std::getenv("LSPT_DATA");
  if (!root) {
    MESSAGE("LSPT_DATA is not set: no real data set was read");
    return;
  }
  const Dataset data = open_dataset({root});
  CHECK(data.layout == "cub");
  std::ifstream list(std::string(root) + "/images.txt");
  size_t lines = 0;
  for (std::string line; std::getline(list, line);) ++lines;
  CHECK(data.train.size() + data.test.size() == lines);
  for (const Sample& sample : data.train)
    CHECK(static_cast<size_t>(sample.label) < data.class_names.size());
  for (const Sample& sample : data.test) CHECK(load_image(sample.path).width > 0);
}

TEST_CASE("class ids with gaps, and classes that only the test split has, are ranked together") {
  const TempFolder folder;
  write_cub(folder);
  folder.write("image_class_labels.txt", "2 900\n5 17\n7 40\n");
  folder.write("classes.txt", "0 Birds\n900 Jay (blue, male)\n17 Wren\n40 Finch\n");
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.class_names == Names{"Wren", "Finch", "Jay (blue, male)"});
  CHECK(data.test[0].label == 0);
  CHECK(data.train[0].label == 1);
  CHECK(data.train[1].label == 2);
}

TEST_CASE("mistakes in CUB's files are named by file and line") {
  const TempFolder folder;
  const auto error_with = [&](const char* file, const char* content) {
    write_cub(folder);
    folder.write(file, content);
    const std::string error = error_of_opening(folder);
    CHECK(error.substr(0, 3) == "3: ");
    return error;
  };
  CHECK(contains(error_with("image_class_labels.txt", "2 2\n5 1\n7 3\n"),
                 "image_class_labels.txt:3: class id 3 is not among the 2 of classes.txt"));
  CHECK(contains(error_with("image_class_labels.txt", "2 2\n5 x\n7 1\n"), ".txt:2: class id `x`"));
  CHECK(contains(error_with("image_class_labels.txt", "2 2\n5 1\n"),
                 "images.txt:1: id 7 is not in image_class_labels.txt"));
  CHECK(contains(error_with("train_test_split.txt", "5 0\n2 2\n7 1\n"),
                 "train_test_split.txt:2: split `2`"));
  CHECK(contains(error_with("train_test_split.txt", "5 0\n2 1\n2 1\n"),
                 "train_test_split.txt:3: id 2 was on line 2 already"));
  CHECK(contains(error_with("images.txt", "7 001.Wren/b.jpg\n2 gone.jpg\n5 001.Wren/a.jpg\n"),
                 "images.txt:2: "));
  CHECK(contains(error_with("images.txt", "7\n"), "images.txt:1: found `7`, `image_id path`"));
  CHECK(contains(error_with("images.txt", "7 ../../etc/passwd\n"), "is outside the data folder"));
  CHECK(contains(error_with("images.txt", "7 001.Wren/b.jpg\n"), "1 images, but"));
  std::filesystem::remove(folder / "classes.txt");
  folder.write("images.txt", "7 001.Wren/b.jpg\n");
  CHECK(contains(error_of_opening(folder), "classes.txt: No such file"));
}

TEST_CASE("class folders that are all numbers are ordered by value, others as text") {
  for (const bool numbers : {true, false}) {
    const TempFolder folder;
    for (const std::string name : {"10", "9", numbers ? "2" : "2b"}) {
      folder.write("train/" + name + "/x.JPG", "-");
      folder.write("val/" + name + "/y.png", "-");
    }
    folder.write("train/9/notes.txt", "-");
    folder.write("val/77/only_in_val.jpg", "-");
    const Dataset data = open_dataset({folder.path()});
    CHECK(data.layout == "folder");
    CHECK(data.class_names ==
          (numbers ? Names{"2", "9", "10", "77"} : Names{"10", "2b", "77", "9"}));
    CHECK(data.train.size() == 3);
    CHECK(data.val.size() == 4);
    CHECK(data.test.empty());
  }
}

TEST_CASE("one level of class folders holds out every fifth image of each class") {
  const TempFolder folder;
  for (int i = 0; i < 10; ++i) folder.write("wren/" + std::to_string(i) + ".jpg", "-");
  folder.write("jay/only.jpg", "-");
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.class_names == Names{"jay", "wren"});
  CHECK(data.train.size() == 9);
  REQUIRE(data.test.size() == 2);
  CHECK(data.test[0].path == folder / "wren/1.jpg");
  CHECK(data.test[1].path == folder / "wren/6.jpg");
  CHECK(contains(data.note, "every fifth image"));
  std::filesystem::create_directories(folder / "empty");
  CHECK(contains(error_of_opening(folder), "class folder empty"));
}

TEST_CASE("a share of every class is held out, whatever the order, never a whole class") {
  Dataset data;
  data.class_names = {"wren", "jay", "finch"};
  for (int i = 0; i < 30; ++i) data.train.push_back({"a/" + std::to_string(i) + ".jpg", i % 2});
  data.train.push_back({"a/only.jpg", 2});
  Dataset turned = data, other = data, all = data, none = data;
  std::reverse(turned.train.begin(), turned.train.end());
  for (Sample& sample : turned.train) sample.path = "elsewhere/" + sample.path;
  hold_out(data, 0.1, 0);
  hold_out(turned, 0.1, 0);
  hold_out(other, 0.1, 1);
  CHECK(data.train.size() == 27);
  REQUIRE(data.val.size() == 4);  // 1.5 of 15 is 2
  const auto names = [](const Dataset& d) {
    Names out;
    for (const Sample& sample : d.val)
      out.push_back(sample.path.substr(sample.path.find("a/")) + " " +
                    std::to_string(sample.label));
    std::sort(out.begin(), out.end());
    return out;
  };
  CHECK(names(data) == names(turned));
  CHECK(names(data) != names(other));
  hold_out(all, 0.99, 0);
  CHECK(all.train.size() == 3);
  hold_out(none, 0, 0);
  CHECK(none.val.empty());
}

TEST_CASE("a data set with a validation split of its own keeps its training images") {
  const TempFolder folder;
  std::string list;
  for (int i = 0; i < 20; ++i) {
    folder.write(std::to_string(i) + ".jpg", "-");
    list += std::to_string(i) + ".jpg " + std::to_string(i % 2) + "\n";
  }
  folder.write("train.txt", list);
  folder.write("test.txt", list);
  DatasetOptions options{folder.path()};
  options.val_fraction = 0.2;
  CHECK(open_dataset(options).train.size() == 16);
  CHECK(open_dataset(options).val.size() == 4);
  folder.write("val.txt", list);
  CHECK(open_dataset(options).train.size() == 20);
  CHECK(open_dataset(options).val.size() == 20);
  CHECK(open_dataset(options).test.size() == 20);
}

TEST_CASE("lists may have byte-order marks, carriage returns, blanks and paths with spaces") {
  const TempFolder folder;
  for (const char* name : {"a.jpg", "b c.jpg", "d.jpg"}) folder.write(name, "-");
  folder.write("train.txt",
               "\xef\xbb\xbf"
               "a.jpg 1\r\n\r\n  b c.jpg\t0  \r\n");
  folder.write("val.txt", "d.jpg 2");
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.layout == "list");
  CHECK(data.class_names == Names{"0", "1", "2"});
  REQUIRE(data.train.size() == 2);
  CHECK(data.train[0].label == 1);
  CHECK(data.train[1].path == folder / "b c.jpg");
  REQUIRE(data.val.size() == 1);
  CHECK(data.val[0].label == 2);
}

TEST_CASE("labels that are names are ranked over both lists") {
  const TempFolder folder;
  for (const char* name : {"a.jpg", "b.jpg"}) folder.write(name, "-");
  folder.write("mine.txt", "a.jpg wren\n");
  folder.write("other.txt", "b.jpg jay\n");
  const Dataset data = open_dataset({folder.path(), "auto", "mine.txt", "", "other.txt"});
  CHECK(data.class_names == Names{"jay", "wren"});
  CHECK(data.train[0].label == 1);
  CHECK(data.test[0].label == 0);
}

TEST_CASE("mistakes in lists are named by file and line") {
  const TempFolder folder;
  for (const char* name : {"a.jpg", "b.jpg"}) folder.write(name, "-");
  const auto error_with = [&](const std::string& content) {
    folder.write("train.txt", content);
    const std::string error = error_of_opening(folder);
    CHECK(error.substr(0, 3) == "3: ");
    return error;
  };
  CHECK(contains(error_with("a.jpg 1\nb.jpg 2\n"), "train.txt:2: label 2, 0 to 1 expected"));
  CHECK(contains(error_with("a.jpg 1\nb.jpg 2\n"), "ids look 1-based?"));
  CHECK(contains(error_with("a.jpg 0\nb.jpg 9000000000\n"), "train.txt:2: label 9000000000"));
  CHECK(contains(error_with("a.jpg -1\n"), "train.txt:1: label -1, 0 or more expected"));
  CHECK(contains(error_with("a.jpg 0\nb.jpg one\n"), "train.txt:2: label `one`, an integer"));
  CHECK(contains(error_with("a.jpg 0\nb.jpg\n"), "train.txt:2: found `b.jpg`, `path label`"));
  CHECK(contains(error_with("a.jpg 0\nlost.jpg 0\n"), "1 listed image is missing:\n"));
  CHECK(contains(error_with("a.jpg 0\nlost.jpg 0\n"), "train.txt:2: " + folder / "lost.jpg"));
  CHECK(contains(error_with("/etc/hostname 0\n"), "is outside the data folder"));
  CHECK(contains(error_with(std::string("a.jpg\0 0\n", 9)), "not a text file"));
  CHECK(contains(error_with("\n"), "no `path label` line"));
  folder.write("classes.txt", "wren\njay\nfinch\n");
  CHECK(error_with("a.jpg 0\nb.jpg 3\n").find("classes.txt names 3 classes") != std::string::npos);
  folder.write("train.txt", "a.jpg 0\nb.jpg 2\n");
  CHECK(open_dataset({folder.path()}).class_names == Names{"wren", "jay", "finch"});
}

TEST_CASE(
    "a folder that is missing, or no data set, is a data error; an unknown kind a usage error") {
  const TempFolder folder;
  CHECK(contains(error_of([] { open_dataset({"/no/such/folder"}); }),
                 "3: data set: /no/such/folder"));
  CHECK(contains(error_of_opening(folder), "no known layout; found nothing; one of these"));
  CHECK(contains(error_of_opening(folder, "imagenet"), "2: data set: kind `imagenet`"));
  CHECK(contains(error_of_opening(folder, "cub"), "No such file"));
}

TEST_CASE("synthetic birds open as CUB and are the same bytes for the same seed") {
  const TempFolder folder;
  SynthOptions options;
  options.classes = 5;
  options.train_per_class = 2;
  options.test_per_class = 1;
  options.size = 32;
  options.output = folder / "one";
  int64_t done = 0;
  synth(options, [&](int64_t k, int64_t total) {
    CHECK(k == ++done);
    CHECK(total == 15);
  });
  options.output = folder / "two";
  synth(options);
  const Dataset data = open_dataset({folder / "one"});
  CHECK(data.layout == "cub");
  CHECK(data.class_names.size() == 5);
  CHECK(data.train.size() == 10);
  CHECK(data.test.size() == 5);
  for (const Sample& sample : data.train) {
    const Image image = load_image(sample.path);
    CHECK(image.width == 32);
    std::string twin = sample.path;
    twin.replace(twin.find("/one/"), 5, "/two/");
    CHECK(read_file(sample.path) == read_file(twin));
  }
  CHECK(read_file(data.train[0].path) != read_file(data.train[1].path));
  CHECK(contains(error_of([&] { synth(options); }), "2: synth: "));
  options.output = folder.write("file", "x") + "/inside";
  CHECK(contains(error_of([&] { synth(options); }), "7: synth: cannot make"));
  options.classes = kSynthClasses + 1;
  CHECK(contains(error_of([&] { synth(options); }), "2: synth: classes 121"));
}

TEST_CASE("all synthetic classes have names of their own") {
  const TempFolder folder;
  SynthOptions options;
  options.classes = kSynthClasses;
  options.train_per_class = 1;
  options.test_per_class = 0;
  options.size = 16;
  options.output = folder / "all";
  synth(options);
  const Dataset data = open_dataset({options.output});
  std::vector<std::string> names;
  for (const std::string& name : data.class_names) names.push_back(name.substr(4));
  std::sort(names.begin(), names.end());
  CHECK(std::unique(names.begin(), names.end()) == names.end());
  CHECK(names.size() == size_t{kSynthClasses});
}

}  // namespace
}  // namespace lspt
