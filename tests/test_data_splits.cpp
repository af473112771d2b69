// VPT's JSON splits, VTAB-1k, folders around data sets; genuine annotation files where
// LSPT_SHARED_DATA=DIR has them; damage.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "data/datasets/layouts.h"
#include "tests/data_layouts.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

TEST_CASE("VPT's JSON splits: image root by set, one class map for all, names of the set itself") {
  const TempFolder dogs;
  write_dogs(dogs, "");
  dogs.write("train.json", R"({"n02086646-Blenheim_spaniel/n02086646_4.jpg": 2,
                               "n02085620-Chihuahua/n02085620_2.jpg": 1})");
  dogs.write("val.json", R"({"n02085620-Chihuahua/n02085620_1.jpg": 1})");
  dogs.write("test.json", R"({"n02086646-Blenheim_spaniel/n02086646_9.jpg": 2})");
  CHECK(open_dataset({dogs.path()}).layout == "dogs");
  CHECK(contains(open_dataset({dogs.path()}).note, "--dataset vpt-json"));
  const Dataset data = open_dataset({dogs.path(), "vpt-json"});
  CHECK(data.layout == "vpt-json");
  CHECK(data.class_names == Names{"n02085620-Chihuahua", "n02086646-Blenheim_spaniel"});
  CHECK(listed(dogs, data.train) == Names{"Images/n02086646-Blenheim_spaniel/n02086646_4.jpg 1",
                                          "Images/n02085620-Chihuahua/n02085620_2.jpg 0"});
  CHECK(listed(dogs, data.val) == Names{"Images/n02085620-Chihuahua/n02085620_1.jpg 0"});
  CHECK(listed(dogs, data.test) == Names{"Images/n02086646-Blenheim_spaniel/n02086646_9.jpg 1"});
  CHECK(contains(data.note, "test.json lacks classes"));
  CHECK_FALSE(contains(data.note, "val.json lacks"));  // the class it lacks is the last

  const TempFolder cars;  // keys start at the folder itself; names come from cars_annos.mat
  copy_mat(cars, "cars_annos", "cars_annos.mat");
  touch(cars, {"car_ims/000001.jpg", "car_ims/000002.jpg", "car_ims/000003.jpg"});
  cars.write("train.json", R"({"car_ims/000003.jpg": 2, "car_ims/000001.jpg": 1})");
  CHECK(open_dataset({cars.path(), "vpt-json"}).class_names == kCars);
  std::filesystem::remove(cars / "cars_annos.mat");
  const Dataset unnamed = open_dataset({cars.path()});
  CHECK(unnamed.layout == "vpt-json");
  CHECK(unnamed.class_names == Names{"1", "2"});

  const TempFolder birds;  // nothing but folders to name classes; ids with a gap
  touch(birds, {"images/0295/a.jpg", "images/1010/b.JPG"});
  birds.write("train_0.5.json", R"({"1010/b.JPG": 1010, "0295/a.jpg": 295})");
  birds.write("train.json", R"({"1010/b.JPG": 1010})");
  const Dataset half = open_dataset({birds.path(), "auto", "train_0.5.json"});
  CHECK(half.class_names == Names{"0295", "1010"});
  CHECK(listed(birds, half.train) == Names{"images/1010/b.JPG 1", "images/0295/a.jpg 0"});
}

TEST_CASE("mistakes in JSON splits are named") {
  const TempFolder folder;
  touch(folder, {"images/a.jpg"});
  const auto error_with = [&](const std::string& json) {
    folder.write("train.json", json);
    const std::string error = error_of_opening(folder);
    CHECK(error.substr(0, 3) == "3: ");
    return error;
  };
  CHECK(contains(error_with(R"({"a.jpg": 1, "a.jpg": 2})"), "the path \"a.jpg\" twice"));
  CHECK(contains(error_with(R"({"a.jpg": 1.5})"), "no integer or too large at \"a.jpg\""));
  CHECK(contains(error_with(R"({"a.jpg": 1e3})"), "no integer or too large"));
  CHECK(contains(error_with(R"({"a.jpg": 18446744073709551615})"), "a number too large"));
  CHECK(contains(error_with(R"({"a.jpg": "1"})"), "a string at \"a.jpg\"; one object of"));
  CHECK(contains(error_with(R"({"a.jpg": {"b": 1}})"), "an object at"));
  CHECK(contains(error_with(R"({"a.jpg": [1]})"), "an array at"));
  CHECK(contains(error_with(R"({"a.jpg": null})"), "null at"));
  CHECK(contains(error_with(R"({"a.jpg": true})"), "a boolean at"));
  CHECK(contains(error_with("[1]"), "an array; one object"));
  CHECK(contains(error_with("1"), "a number; one object"));
  CHECK(contains(error_with(R"({"a.jpg": 1)"), "not JSON at byte"));
  CHECK(contains(error_with(R"({"../a.jpg": 1})"), "train.json: entry 1: ../a.jpg is outside"));
  CHECK(contains(error_with(R"({"b.jpg": 1})"), "train.json: entry 1: "));
  CHECK(contains(error_with("{}"), "has no training image"));
}

void write_vtab(const TempFolder& folder, const std::string& task) {
  for (const std::string part : {"train800", "val200", "train800val200", "test"}) {
    folder.write(task + "/images/" + part + "/000000.jpg", "-");
    folder.write(task + "/" + part + ".txt", "images/" + part + "/000000.jpg 1\n");
  }
}

TEST_CASE("the 19 tasks of VTAB-1k have the classes that VTAB says, whatever the lists hold") {
  const std::map<std::string, size_t> classes = {{"cifar", 100},
                                                 {"caltech101", 102},
                                                 {"dtd", 47},
                                                 {"oxford_flowers102", 102},
                                                 {"oxford_iiit_pet", 37},
                                                 {"svhn", 10},
                                                 {"sun397", 397},
                                                 {"patch_camelyon", 2},
                                                 {"eurosat", 10},
                                                 {"resisc45", 45},
                                                 {"diabetic_retinopathy", 5},
                                                 {"clevr_count", 8},
                                                 {"clevr_dist", 6},
                                                 {"dmlab", 6},
                                                 {"kitti", 4},
                                                 {"dsprites_loc", 16},
                                                 {"dsprites_ori", 16},
                                                 {"smallnorb_azi", 18},
                                                 {"smallnorb_ele", 9},
                                                 {"dtd_47", 47},
                                                 {"clevr(task=\"count_all\")", 8}};
  const TempFolder folder;
  for (const auto& [task, count] : classes) {
    write_vtab(folder, task);
    const Dataset data = open_dataset({folder / task});
    CHECK(data.layout == "vtab");
    CHECK(data.class_names.size() == count);
    CHECK(listed(folder, data.train) == Names{task + "/images/train800/000000.jpg 1"});
    CHECK(listed(folder, data.val) == Names{task + "/images/val200/000000.jpg 1"});
    CHECK(listed(folder, data.test) == Names{task + "/images/test/000000.jpg 1"});
  }
  CHECK(contains(open_dataset({folder / "svhn"}).note,
                 "1000 images for training and validation and 26032 test images"));
  CHECK(contains(error_of_opening(folder), "holds 21 data sets: caltech101, cifar, "));
}

TEST_CASE("VTAB-1k: the list of all 1,000 leaves nothing to validate on; lists may have tabs") {
  const TempFolder folder;
  write_vtab(folder, "svhn");
  DatasetOptions options{folder / "svhn", "auto", "train800val200.txt"};
  options.val_fraction = 0.5;
  for (int i = 1; i < 4; ++i)
    folder.write("svhn/images/train800val200/00000" + std::to_string(i) + ".jpg", "-");
  folder.write("svhn/train800val200.txt",
               "images/train800val200/000000.jpg  9\nimages/train800val200/000001.jpg\t0\r\n"
               "images/train800val200/000002.jpg 9\nimages/train800val200/000003.jpg 0\n");
  const Dataset data = open_dataset(options);
  CHECK(data.layout == "vtab");
  CHECK(data.train.size() == 4);
  CHECK(data.train[0].label == 9);
  CHECK(data.val.empty());
  CHECK(data.test.size() == 1);
  CHECK(contains(data.note, "no image is left for validation"));
  folder.write("svhn/test.txt", "images/test/000000.jpg 10\n");
  CHECK(contains(error_of([&] { open_dataset(options); }),
                 "test.txt:1: label 10, 0 to 9 expected because the task names 10 classes"));
  std::filesystem::rename(folder / "svhn", folder / "mine");
  folder.write("mine/test.txt", "images/test/000000.jpg 2\n");
  folder.write("mine/val200.txt", "images/val200/000000.jpg 0\n");
  const Dataset mine = open_dataset({folder / "mine"});
  CHECK(mine.class_names.size() == 3);
  CHECK(contains(mine.note, "none of VTAB's tasks"));
}

TEST_CASE("a folder around one data set opens it; around several, or around none, it says so") {
  const TempFolder folder;
  touch(folder, {"attributes.txt"});
  folder.write("a/train.txt", "x.jpg 0\n");
  touch(folder, {"a/x.jpg"});
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.layout == "list");
  CHECK(contains(data.note, "read from " + folder / "a"));
  CHECK(open_dataset({folder.path(), "list"}).train.size() == 1);
  folder.write("b/train.json", "{}");
  CHECK(contains(error_of_opening(folder),
                 "3: data set: " + folder.path() + " holds 2 data sets: a, b"));
  CHECK(open_dataset({folder.path(), "list"}).train.size() == 1);
  CHECK(contains(error_of([&] {
                   open_dataset({folder.path(), "cub", "mine.txt"});
                 }),
                 "2: data set: lists are named for layout cub, which has none"));

  const TempFolder none;
  touch(none, {"images.txt", "notes/readme.md"});
  const std::string error = error_of_opening(none);
  CHECK(contains(error,
                 "no known layout; found notes/, images.txt; one of these expected:\n  nabirds"));
  for (const Layout& layout : layouts())
    CHECK(contains(error, std::string("\n  ") + layout.name + " ") ==
          (layout.name != std::string("images")));  // which have no labels
}

// A layout's lists alone: images need not be there.
Dataset lists_of(const std::string& root, const std::string& kind) {
  MissingFiles never_reported;
  for (const Layout& layout : layouts())
    if (layout.name == kind) {
      CHECK(layout.found(root));
      return layout.open({root, {root}, never_reported});
    }
  return {};
}

std::vector<int> counts(const std::vector<Sample>& samples, size_t classes) {
  std::vector<int> count(classes);
  for (const Sample& sample : samples) ++count.at(static_cast<size_t>(sample.label));
  return count;
}

std::pair<int, int> least_and_most(const std::vector<int>& count) {
  return {*std::min_element(count.begin(), count.end()),
          *std::max_element(count.begin(), count.end())};
}

TEST_CASE("genuine annotation files, in the folder LSPT_SHARED_DATA, give the official counts") {
  const char* shared = std::getenv("LSPT_SHARED_DATA");
  if (!shared) {
    MESSAGE("LSPT_SHARED_DATA is not set: no genuine annotation file was read");
    return;
  }
  const std::string root = std::string(shared) + "/";
  using Range = std::pair<int, int>;

  const Dataset birds = lists_of(root + "nabirds_annotations", "nabirds");
  CHECK(birds.train.size() == 23929);
  CHECK(birds.test.size() == 24633);
  CHECK(birds.class_names.size() == 555);
  CHECK(least_and_most(counts(birds.train, 555)) == Range{4, 60});
  CHECK(least_and_most(counts(birds.test, 555)) == Range{9, 60});
  CHECK(std::set<std::string>(birds.class_names.begin(), birds.class_names.end()).size() == 555);
  std::set<std::string> folders;  // four digits: they sort as the ids, so their rank is the label
  int upper = 0;
  for (const auto* part : {&birds.train, &birds.test})
    for (const Sample& sample : *part) {
      folders.insert(fs::path(sample.path).parent_path().filename().string());
      upper += sample.path.ends_with(".JPG");
    }
  CHECK(upper == 35);
  const Names sorted(folders.begin(), folders.end());
  REQUIRE(sorted.size() == 555);
  for (const auto* part : {&birds.train, &birds.test})
    for (const Sample& sample : *part)
      if (fs::path(sample.path).parent_path().filename() !=
          sorted[static_cast<size_t>(sample.label)])
        FAIL_CHECK(sample.path);

  const Dataset cars = lists_of(root + "cars_devkit", "cars");
  CHECK(cars.train.size() == 8144);
  CHECK(cars.test.empty());
  REQUIRE(cars.class_names.size() == 196);
  CHECK(cars.class_names[0] == "AM General Hummer SUV 2000");
  CHECK(cars.class_names[173] == "Ram C/V Cargo Van Minivan 2012");
  CHECK(least_and_most(counts(cars.train, 196)) == Range{24, 68});
  CHECK(fs::path(cars.train[8143].path).filename() == "08144.jpg");

  const Dataset flowers = open_dataset({root + "flowers102_64"});
  CHECK(flowers.layout == "flowers");
  CHECK(flowers.note.empty());
  CHECK(flowers.class_names.size() == 102);
  CHECK(least_and_most(counts(flowers.train, 102)) == Range{10, 10});
  CHECK(least_and_most(counts(flowers.val, 102)) == Range{10, 10});
  CHECK(least_and_most(counts(flowers.test, 102)) == Range{20, 238});
  CHECK(flowers.test.size() == 6149);

  const Dataset cub = open_dataset({root + "cub10"});
  CHECK(cub.layout == "cub");
  CHECK(cub.train.size() == 300);
  CHECK(cub.test.size() == 243);
  for (const Sample& sample : cub.train) {
    const std::string folder = fs::path(sample.path).parent_path().filename().string();
    CHECK(std::stoi(folder) == sample.label + 1);
    CHECK(cub.class_names[static_cast<size_t>(sample.label)] == folder);
  }
}

TEST_CASE("damaged lists and JSON splits give an error or harmless values") {
  MissingFiles never_reported;
  const auto harmless = [](const auto& body) {
    try {
      body();
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kData);
    }
  };
  const std::string json = R"({"a/b c.jpg": 1, "a/d.jpg": 295, "\u00e9\ud83d\udc26.jpg": -3})";
  for_each_mutation(json, 1, 10'000, [&](const std::string& bytes) {
    harmless([&] { parse_json_split(bytes, "train.json"); });
  });
  const std::string list =
      "\xef\xbb\xbf"
      "a/b.jpg 0\r\nc d.jpg\t1\n\n./e/../f.jpg 2";
  for_each_mutation(list, 2, 10'000, [&](const std::string& bytes) {
    harmless([&] {
      std::vector<ListEntry> entries;
      append_entries("/none", lines_of(bytes, "train.txt"), &Dataset::train, entries);
      label_entries(entries, {}, "classes.txt", never_reported);
    });
  });
  const Names tables = {"7 w/b.jpg\n2 j/a.jpg\n", "2 2\n7 1\n", "2 1\n7 0\n", "1 Wren\n2 Jay\n"};
  for (size_t damaged = 0; damaged < tables.size(); ++damaged)
    for_each_mutation(tables[damaged], damaged, 10'000, [&](const std::string& bytes) {
      harmless([&] {
        const auto lines = [&](size_t i) {
          return lines_of(i == damaged ? bytes : tables[i], "t");
        };
        parse_cub({lines(0), lines(1), lines(2), lines(3)}, "/none/images", never_reported);
      });
    });
}

}  // namespace
}  // namespace lspt
