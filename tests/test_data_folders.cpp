// Class folders that nest.
#include "tests/data_layouts.h"

namespace lspt {
namespace {

std::string error_at_depth(const TempFolder& folder, int64_t depth) {
  DatasetOptions options{folder.path()};
  options.class_depth = depth;
  return error_of([&] { open_dataset(options); });
}

Dataset at_depth(const TempFolder& folder, int64_t depth) {
  DatasetOptions options{folder.path()};
  options.class_depth = depth;
  return open_dataset(options);
}

TEST_CASE("class folders that nest are classes by their paths, or by their first folders") {
  const TempFolder folder;
  for (const std::string part : {"train/", "val/", "test/"})
    for (const char* name : {"birds/wren/house/a.jpg", "birds/wren/winter/b.jpg", "birds/jay/c.jpg",
                             "fish/carp/x/d.png", "fish/carp/x/e.png"})
      folder.write(part + name, "-");
  folder.write("train/birds/readme.txt", "-");
  const Dataset leaves = open_dataset({folder.path()});
  CHECK(leaves.layout == "folder");
  CHECK(leaves.class_names ==
        Names{"birds/jay", "birds/wren/house", "birds/wren/winter", "fish/carp/x"});
  CHECK(contains(leaves.note, "folders nest: 4 classes"));
  CHECK(listed(folder, leaves.test) ==
        Names{"test/birds/jay/c.jpg 0", "test/birds/wren/house/a.jpg 1",
              "test/birds/wren/winter/b.jpg 2", "test/fish/carp/x/d.png 3",
              "test/fish/carp/x/e.png 3"});
  const Dataset tops = at_depth(folder, 1);
  CHECK(tops.class_names == Names{"birds", "fish"});
  CHECK(tops.val.size() == 5);
  const Dataset seconds = at_depth(folder, 2);
  CHECK(seconds.class_names == Names{"birds/jay", "birds/wren", "fish/carp"});
  CHECK(contains(error_at_depth(folder, 3), "birds/jay/c.jpg is not as deep"));
}

TEST_CASE("a single tree of nested class folders holds out every fifth image of a leaf") {
  const TempFolder folder;
  for (int i = 0; i < 10; ++i) {
    folder.write("birds/wren/" + std::to_string(i) + ".jpg", "-");
    folder.write("fish/carp/" + std::to_string(i) + ".jpg", "-");
  }
  const Dataset data = open_dataset({folder.path()});
  CHECK(data.class_names == Names{"birds/wren", "fish/carp"});
  CHECK(data.test.size() == 4);
  CHECK(data.test[3].path == folder / "fish/carp/6.jpg");
  std::filesystem::create_directories(folder / "fish/pike");
  CHECK(contains(error_of_opening(folder), "class folder fish/pike"));
  CHECK(at_depth(folder, 1).class_names == Names{"birds", "fish"});
}

TEST_CASE("images in a class folder and in a folder of it: which is the class is asked") {
  const TempFolder folder;
  touch(folder, {"train/wren/a.jpg", "train/jay/b.jpg", "val/wren/c.jpg", "val/wren/young/d.jpg"});
  const std::string error = error_of_opening(folder);
  CHECK(contains(error, "3: data set: " + folder / "train/wren/a.jpg"));
  CHECK(contains(error, "is the class wren or wren/young? --class-depth 1"));
  CHECK(at_depth(folder, 1).class_names == Names{"jay", "wren"});
  CHECK(at_depth(folder, 1).val.size() == 2);
}

TEST_CASE("flat class folders are as they were, whatever else they hold") {
  const TempFolder folder;
  touch(folder, {"train/wren/a.jpg", "train/wren/notes/on/wrens.txt", "train/jay/b.jpg"});
  CHECK(open_dataset({folder.path()}).class_names == Names{"jay", "wren"});
  CHECK(open_dataset({folder.path()}).note == "skipped: 1 .txt");
  CHECK(at_depth(folder, 1).note == "skipped: 1 .txt");
  touch(folder, {"masks/train/wren/a.png"});  // too deep to be a split's
  CHECK(open_dataset({folder.path()}).train.size() == 2);
  touch(folder, {"extra/wren/a.png"});
  CHECK(contains(error_of_opening(folder), "extra holds images"));
}

TEST_CASE("links in a circle among class folders are passed over") {
  const TempFolder folder;
  touch(folder, {"birds/wren/a.jpg", "birds/wren/b.jpg", "fish/carp/c.jpg"});
  std::filesystem::create_directory_symlink(folder.path(), folder / "birds/wren/up");
  std::filesystem::create_directory_symlink(folder / "fish", folder / "birds/more");
  CHECK(open_dataset({folder.path()}).class_names ==
        Names{"birds/more/carp", "birds/wren", "fish/carp"});
}

TEST_CASE("the folder around a data set of class folders names it") {
  const TempFolder folder;
  touch(folder, {"mine/train/wren/a.jpg", "mine/val/wren/a.jpg"});
  CHECK(contains(error_of_opening(folder), "--data " + folder / "mine" + " reads them"));
  CHECK(at_depth(folder, 2).class_names == Names{"mine/train", "mine/val"});
  const TempFolder rest;  // a CUB without its lists
  touch(rest, {"CUB_200_2011/images/001.Wren/a.jpg"});
  CHECK(contains(error_of_opening(rest), "no known layout"));
  touch(rest, {"CUB_200_2011/image_class_labels.txt"});
  CHECK(contains(error_at_depth(rest, 1), "2: --class-depth: the data set's layout is cub"));
}

TEST_CASE("files that are no images of a class are counted by their endings") {
  const TempFolder folder;
  touch(folder, {"train/wren/a.jpg", "train/wren/b.WEBP", "train/jay/c.tif", "train/jay/Thumbs.db",
                 "train/loose.jpg", "train/jay/.hidden", "train/wren/README"});
  for (int i = 0; i < 3; ++i) {
    touch(folder, {"train/wren/" + std::to_string(i) + ".HEIC"});
    touch(folder, {"train/wren/more/" + std::to_string(i) + ".txt",
                   "val/jay/a" + std::to_string(i) + ".txt"});
  }
  touch(folder, {"val/jay/c.png"});
  CHECK(open_dataset({folder.path()}).note ==
        "skipped: 6 .txt, 3 .heic (HEIC is not supported), 1 .db, "
        "1 .jpg (in no class folder), 1 without ending");
  CHECK(open_dataset({folder.path()}).train.size() == 3);
  const TempFolder phone;
  touch(phone, {"wren/a.heic", "wren/b.heic", "jay/c.heic"});
  CHECK(contains(error_of_opening(phone),
                 "holds no image; skipped: 3 .heic (HEIC is not supported)"));
}

}  // namespace
}  // namespace lspt
