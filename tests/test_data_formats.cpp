// Formats of images that are not read, by their names.
#include "tests/data_fixtures.h"

namespace lspt {
namespace {

TEST_CASE("what is no image that is read is refused by its own name") {
  const auto error = [](const std::string& bytes) {
    return error_of([&] { decode(bytes, "x.jpg"); });
  };
  CHECK(contains(error(""), "x.jpg: the file is empty (0 bytes)"));
  CHECK(contains(error("GIF89a"), "x.jpg: truncated or corrupt GIF (it ends too early)"));
  const auto media = [&](const std::string& brands) {
    return error(std::string("\0\0\0\x1c", 4) + "ftyp" + brands + std::string(64, '\0'));
  };
  CHECK(contains(media("heic" + std::string(4, '\0') + "mif1heic"),
                 "x.jpg: a HEIC image: not supported, convert it to JPEG or PNG"));
  CHECK(contains(media("mif1" + std::string(4, '\0') + "mif1avif"), "an AVIF image: not"));
  CHECK(contains(media("isom" + std::string(4, '\0') + "isomavc1"), "a video (MP4 or QuickTime)"));
  CHECK(contains(error("\x1a\x45\xdf\xa3 webm"), "a Matroska or WebM video: not supported"));
  CHECK(contains(error("RIFF\1\1\1\1AVI LIST"), "an AVI video"));
  CHECK(contains(error("P6\n2 2\n255\n"), "a PNM image"));
  CHECK(contains(error("<!DOCTYPE html><html>"), "an HTML page"));
  CHECK(contains(error("hello"), "no known image format (5 bytes); JPEG, PNG, GIF, BMP, WebP"));
  CHECK(contains(error_of([] { load_image("/no/such/file.jpg"); }), "No such file"));
  CHECK(contains(error_of([] { load_image("/"); }), "3: read image: /"));
}

TEST_CASE("a TIFF of numbers that are no colours is refused by what it is") {
  const std::string good = read_file(kImages + "gray16.tif");
  // An entry: tag, type, count, value.
  const auto with_tag = [&](char tag, char value, char other = 0) {
    std::string bytes = good;
    const size_t at = bytes.find(std::string({tag, 1, 3, 0, 1, 0, 0, 0}));
    REQUIRE(at != std::string::npos);
    bytes[at + 8] = value;
    if (other) bytes[at] = other;
    return error_of([&] { decode(bytes, "x.tif"); });
  };
  CHECK(contains(with_tag(6, 8), "3: read image: x.tif: a TIFF of colour kind 8"));
  CHECK(contains(with_tag(2, 12), "a TIFF of 12 bits a sample"));
  CHECK(contains(with_tag(0x28, 3, 0x53), "a TIFF of signed or floating numbers"));
  CHECK(contains(with_tag(3, 6), "a TIFF of compression 6"));
  CHECK(contains(with_tag(0x15, 3), "a TIFF of 3 samples a pixel; 1 expected, and alpha"));
  std::string huge = good;
  huge.replace(huge.find(std::string({0, 1, 4, 0, 1, 0, 0, 0})) + 8, 2, "\xff\xff");
  huge.replace(huge.find(std::string({1, 1, 4, 0, 1, 0, 0, 0})) + 8, 2, "\xff\xff");
  CHECK(contains(error_of([&] { decode(huge); }), "at most 100 megapixels expected"));
}

TEST_CASE("a TIFF or WebP with damaged pixels is an error, not a picture with a hole") {
  for (const std::string name : {"rgb_jpeg.tif", "rgb_lzw.tif", "fax.tif", "lossless.webp"}) {
    CAPTURE(name);
    std::string bytes = read_file(kImages + name);
    const size_t middle = bytes.size() / 2;
    for (size_t i = 0; i < 40; ++i) bytes[middle + i] = '\xff';
    const std::string error = error_of([&] { decode(bytes, name); });
    CHECK(contains(error, "3: read image: " + name + ": truncated or corrupt "));
  }
}

}  // namespace
}  // namespace lspt
