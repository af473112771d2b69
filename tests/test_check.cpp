// lspt check: every kind of problem planted, all found, nothing else.
#include <algorithm>
#include <functional>

#include "data/check.h"
#include "data/images/header.h"
#include "engine/parallel.h"
#include "tests/data_fixtures.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

/// A list data set that one can ask after each change.
struct Lists {
  TempFolder folder;
  std::string train, val, test;

  /// A file with an image of its own, unless `content` is given.
  void add(std::string& list, const std::string& name, const std::string& label,
           const std::string& content) {
    folder.write(name, content);
    list += name + " " + label + "\n";
  }
  Dataset open() const {
    for (const auto& [name, text] :
         {std::pair{"train.txt", &train}, {"val.txt", &val}, {"test.txt", &test}})
      if (!text->empty()) folder.write(name, *text);
    return open_dataset({.path = folder.path(), .keep_missing = true});
  }
  CheckReport report() const {
    return check(open(), {.img_size = 24}, [](int64_t) {});
  }
};

/// Two classes, in each split an image of each, all different.
Lists clean() {
  Lists lists;
  int k = 0;
  for (auto& [list, split] :
       {std::pair{&lists.train, "train"}, {&lists.val, "val"}, {&lists.test, "test"}})
    for (const char* label : {"jay", "wren"}) {
      lists.add(*list, std::string(split) + "_" + label + ".jpg", label, jpeg(k));
      ++k;
    }
  return lists;
}

/// jpeg(k) with a comment: the same pixels in other bytes.
std::string commented(int k) {
  std::string bytes = jpeg(k);
  return bytes.insert(2, std::string("\xff\xfe\0\4hi", 6));
}

std::vector<std::string> names_of(const std::vector<CheckedImage>& images) {
  std::vector<std::string> names;
  for (const CheckedImage& image : images)
    names.push_back(std::filesystem::path(image.path).filename().string());
  return names;
}

/// Everything in a report as text, to compare reports.
std::string text_of(const CheckReport& report) {
  std::string text;
  const auto add = [&](const CheckedImage& image) {
    text += std::string(kSplitNames[static_cast<size_t>(image.split)]) + " " +
            std::to_string(image.label) + " " + image.path + "\n";
  };
  for (const auto* list : {&report.missing, &report.unreadable})
    for (const UnreadableImage& bad : *list) {
      add(bad.image);
      text += bad.why + "\n";
    }
  for (const SameContent& group : report.same) {
    text += std::to_string(group.same_bytes) + std::to_string(group.conflict) +
            std::to_string(group.leak) + std::to_string(group.repeat) + "\n";
    for (const CheckedImage& image : group.images) add(image);
  }
  return text + std::to_string(report.decoded) + " " + std::to_string(report.bytes);
}

TEST_CASE("nothing is found in a clean data set") {
  const CheckReport report = clean().report();
  CHECK_FALSE(report.wrong());
  CHECK_FALSE(report.doubtful());
  CHECK(report.decoded == 6);
  CHECK(report.images[0] == std::vector<int64_t>{1, 1});
  CHECK(report.care.misnamed + report.care.gray + report.care.cmyk + report.care.alpha +
            report.care.deep + report.care.turned + report.care.small ==
        0);
}

TEST_CASE("all missing images are found, with the lines that list them, and only then kept") {
  Lists lists = clean();
  for (int i = 0; i < 7; ++i) lists.train += "lost_" + std::to_string(i) + ".jpg wren\n";
  lists.test += "lost_too.jpg jay\n";
  const CheckReport report = lists.report();
  REQUIRE(report.missing.size() == 8);
  CHECK(report.missing[0].why == lists.folder / "train.txt" + ":3");
  CHECK(report.missing[7].why == lists.folder / "test.txt" + ":3");
  CHECK(report.missing[7].image.split == Split::test);
  CHECK(report.missing[7].image.label == 0);
  CHECK(report.wrong());
  CHECK(report.images[0] == std::vector<int64_t>{1, 8});
  CHECK(report.unreadable.empty());
  CHECK(report.same.empty());
  CHECK(report.decoded == 6);
  const std::string refused = error_of([&] { open_dataset({lists.folder.path()}); });
  CHECK(contains(refused, "3: data set: 8 listed images are missing; the first five:"));
  CHECK(contains(refused, "train.txt:7"));
  CHECK_FALSE(contains(refused, "train.txt:8"));
}

TEST_CASE("unreadable images are found with the decoder's words") {
  Lists lists = clean();
  lists.add(lists.train, "empty.jpg", "jay", "");
  lists.add(lists.train, "cut.jpg", "jay", jpeg(9).substr(0, 400));
  lists.add(lists.val, "page.jpg", "jay", "<!DOCTYPE html><html></html>");
  // 1 x 2,000 black pixels, four bytes a row: its short side cannot become 256.
  const std::string head("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\xd0\7\0\0\1\0\x18\0", 30);
  lists.add(lists.val, "long.bmp", "jay", head + std::string(24 + 8000, '\0'));
  const CheckReport report = check(lists.open(), {.img_size = 224}, [](int64_t) {});
  REQUIRE(report.unreadable.size() == 4);
  CHECK(contains(report.unreadable[0].why, "empty.jpg: the file is empty"));
  CHECK(contains(report.unreadable[1].why, "cut.jpg: truncated"));
  CHECK(contains(report.unreadable[2].why, "page.jpg: an HTML page"));
  CHECK(contains(report.unreadable[3].why, "long.bmp resized: size 256 x 512000"));
  CHECK(report.missing.empty());
  CHECK(report.same.empty());
  CHECK(report.decoded == 6);
  CHECK(report.wrong());
}

TEST_CASE("the same content with two labels, in two splits or twice is found") {
  Lists lists = clean();  // jpeg(0) and (1) train, (2) and (3) val, (4) and (5) test
  SUBCASE("two labels") {
    lists.add(lists.train, "again.jpg", "wren", jpeg(0));
    const CheckReport report = lists.report();
    REQUIRE(report.same.size() == 1);
    const SameContent& group = report.same[0];
    CHECK(names_of(group.images) == std::vector<std::string>{"train_jay.jpg", "again.jpg"});
    CHECK(group.conflict);
    CHECK_FALSE(group.leak);
    CHECK(group.repeat);
    CHECK(group.same_bytes);
    CHECK(report.wrong());
  }
  SUBCASE("train is test") {
    lists.add(lists.test, "leak.jpg", "jay", commented(0));
    const CheckReport report = lists.report();
    REQUIRE(report.same.size() == 1);
    const SameContent& group = report.same[0];
    CHECK(names_of(group.images) == std::vector<std::string>{"train_jay.jpg", "leak.jpg"});
    CHECK(group.leak);
    CHECK_FALSE(group.conflict);
    CHECK_FALSE(group.repeat);
    CHECK_FALSE(group.same_bytes);
    CHECK_FALSE(report.wrong());
    CHECK(report.doubtful());
  }
  SUBCASE("train is val, under another label, and val has it twice") {
    lists.add(lists.val, "a.jpg", "jay", jpeg(1));
    lists.add(lists.val, "b.jpg", "wren", commented(1));
    lists.add(lists.test, "c.jpg", "wren", jpeg(5));
    const CheckReport report = lists.report();
    REQUIRE(report.same.size() == 2);
    CHECK(names_of(report.same[0].images) ==
          std::vector<std::string>{"train_wren.jpg", "a.jpg", "b.jpg"});
    CHECK((report.same[0].conflict && report.same[0].leak && report.same[0].repeat));
    CHECK(names_of(report.same[1].images) == std::vector<std::string>{"test_wren.jpg", "c.jpg"});
    CHECK_FALSE((report.same[1].conflict || report.same[1].leak));
    CHECK(report.same[1].repeat);
    CHECK(report.count(&SameContent::conflict) == 1);
    CHECK(report.count(&SameContent::repeat) == 2);
  }
  SUBCASE("a file that is listed twice") {
    lists.train += "train_jay.jpg jay\n";
    const CheckReport report = lists.report();
    REQUIRE(report.same.size() == 1);
    CHECK(report.same[0].repeat);
    CHECK_FALSE(report.wrong());
  }
}

TEST_CASE("images of one size whose bytes make another are not the same") {
  Lists lists = clean();
  const auto flat = [](int width, int height) {
    const auto bytes = encode_jpeg(Image(width, height), 90);
    return std::string(bytes.begin(), bytes.end());
  };
  lists.add(lists.train, "wide.jpg", "jay", flat(48, 32));
  lists.add(lists.train, "high.jpg", "wren", flat(32, 48));
  CHECK(lists.report().same.empty());
}

TEST_CASE("a class that only val or test has is untrained; one that nobody has is not") {
  Lists lists = clean();
  lists.folder.write("classes.txt", "jay\nnobody\nowl\nwren\n");
  lists.add(lists.test, "owl.jpg", "owl", jpeg(6));
  const CheckReport report = lists.report();
  CHECK(report.untrained == std::vector<int>{2});
  CHECK(report.doubtful());
  CHECK_FALSE(report.wrong());
}

TEST_CASE("images that need care are counted by kind") {
  Lists lists = clean();
  for (const char* name : {"cmyk.jpg", "exif_icc.jpg", "gray.jpg", "gray16.png", "gray_alpha.png",
                           "palette.bmp", "png_inside.jpg", "rgb16.png", "rgb_444.jpg"})
    lists.add(lists.train, name, "jay", read_file(kImages + name));
  lists.add(lists.train, "small.jpg", "jay", jpeg(9, 23, 40));
  const CheckReport report = lists.report();
  CHECK(report.unreadable.empty());
  CHECK(report.care.misnamed == 1);
  CHECK(report.care.gray == 3);
  CHECK(report.care.cmyk == 1);
  CHECK(report.care.alpha == 2);
  CHECK(report.care.deep == 2);
  CHECK(report.care.turned == 1);
  int64_t small = 1;
  for (const Sample& sample : lists.open().train) {
    const Image image = load_image(sample.path);
    small += std::min(image.width, image.height) < 24 && !contains(sample.path, "small.jpg");
  }
  CHECK(report.care.small == small);
}

TEST_CASE("the report is the same on any number of threads") {
  Lists lists = clean();
  for (int i = 0; i < 30; ++i) {
    const std::string name = std::to_string(i) + ".jpg";
    lists.add(i % 3 ? lists.train : lists.test, name, i % 2 ? "jay" : "wren",
              i % 7 == 6   ? "junk"
              : i % 5 == 4 ? commented(i % 11)
                           : jpeg(i % 11));
  }
  lists.train += "lost.jpg jay\n";
  const int threads = thread_count();
  std::string first;
  for (const int count : {1, 2, 5}) {
    set_thread_count(count);
    int64_t last = 0;
    const CheckReport report = check(lists.open(), {}, [&](int64_t done) { last = done; });
    if (count == 1) CHECK(last == report.decoded + static_cast<int64_t>(report.unreadable.size()));
    if (first.empty()) first = text_of(report);
    CHECK(text_of(report) == first);
  }
  set_thread_count(threads);
}

TEST_CASE("an image's header is read without decoding it") {
  const auto header = [](const std::string& name) {
    const std::string bytes = read_file(kImages + name);
    return read_header({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  };
  CHECK(header("exif_icc.jpg").orientation == 6);
  CHECK(header("rgb_420.jpg").orientation == 1);
  CHECK(header("cmyk.jpg").cmyk);
  CHECK(header("progressive.jpg").format == ImageHeader::jpeg);
  CHECK_FALSE(header("progressive.jpg").gray);
  CHECK(header("gray16.png").deep);
  CHECK(header("gray_alpha.png").alpha);
  CHECK(header("png_inside.jpg").format == ImageHeader::png);
  CHECK(header("rgb.bmp").format == ImageHeader::bmp);
  CHECK(header("lossy.webp").format == ImageHeader::webp);
  CHECK(header("lossy.webp").orientation == 6);
  CHECK_FALSE(header("lossy.webp").alpha);
  CHECK(header("alpha.webp").alpha);
  CHECK(header("alpha_lossless.webp").alpha);
  CHECK(header("cmyk16.tif").cmyk);
  CHECK(header("cmyk16.tif").deep);
  CHECK(header("gray16_big_endian.tif").gray);
  CHECK(header("gray16_big_endian.tif").deep);
  CHECK_FALSE(header("rgb_lzw.tif").deep);
  CHECK(header("alpha.tif").alpha);
  CHECK(header("big.tif").format == ImageHeader::tiff);
  CHECK(header("decoded.txt").format == ImageHeader::other);
}

TEST_CASE("headers of damaged images are harmless") {
  int calls = 0;
  for (const std::string name :
       {"exif_icc.jpg", "cmyk.jpg", "gray_alpha.png", "rgb.bmp", "lossy.webp", "alpha.tif"})
    for_each_mutation(read_file(kImages + name), 7, 10000, [&](const std::string& bytes) {
      // A copy of its own, so that a sanitizer sees the first byte past the end.
      const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
      const ImageHeader header = read_header(copy);
      calls += header.orientation >= 1 && header.orientation <= 8;
    });
  CHECK(calls > 60000);
}

TEST_CASE("a check's hash of all content is that of bytes, names and labels, in any order") {
  const auto content = [](const std::function<void(Lists&)>& change) {
    Lists lists = clean();
    change(lists);
    return lists.report().content;
  };
  const std::string first = content([](Lists&) {});
  CHECK(first.size() == 64);
  CHECK(content([](Lists& lists) { std::swap(lists.val, lists.test); }) == first);
  CHECK(content([](Lists& lists) { lists.folder.write("val_jay.jpg", commented(2)); }) != first);
  CHECK(content([](Lists& lists) { lists.train += "val_jay.jpg jay\n"; }) != first);
  CHECK(content([](Lists& lists) { lists.train = "train_jay.jpg wren\ntrain_wren.jpg jay\n"; }) !=
        first);
  CHECK(content([](Lists& lists) { lists.train += "absent.jpg jay\n"; }) == "");
  CHECK(content([](Lists& lists) { lists.folder.write("val_jay.jpg", "no image"); }).size() == 64);
}

TEST_CASE("what training refuses is wrong in a check, in the same words") {
  const auto refused = [](const TempFolder& folder, double fraction) {
    const DatasetOptions options{.path = folder.path(), .val_fraction = fraction};
    const CheckReport report =
        check(open_dataset({.path = folder.path()}), {.training = options}, [](int64_t) {});
    CHECK(report.wrong() == !report.refused.empty());
    const std::string error = error_of([&] { check_trainable(open_dataset(options), options); });
    CHECK(error == (report.refused.empty() ? "" : "3: " + report.refused));
    return report.refused;
  };
  const TempFolder folder;
  folder.write("wren/a.jpg", jpeg(1));
  CHECK(contains(refused(folder, 0.1), "has one class, wren"));
  folder.write("jay/a.jpg", jpeg(2));
  CHECK(contains(refused(folder, 0.1), "each class has a single image"));
  CHECK(contains(open_dataset({folder.path()}).note, "single image, which is trained on: 2"));
  folder.write("jay/b.jpg", jpeg(3));
  CHECK(refused(folder, 0.1) == "");
  const TempFolder four;
  for (int i = 0; i < 4; ++i) {
    four.write("train/wren/" + std::to_string(i) + ".jpg", jpeg(i));
    four.write("train/jay/" + std::to_string(i) + ".jpg", jpeg(4 + i));
  }
  CHECK(contains(refused(four, 0.1),
                 "--val-fraction 0.1 of the largest class's 4 images is none; 0.13 is one"));
  CHECK(refused(four, 0.13) == "");
  const TempFolder ids;
  ids.write("a.jpg", jpeg(1));
  ids.write("b.jpg", jpeg(2));
  ids.write("train.csv", "file,id,kind\na.jpg,id7,wren\nb.jpg,id9,wren\n");
  CHECK(contains(refused(ids, 0.1), "or is another --label-column meant?"));
}

}  // namespace
}  // namespace lspt
