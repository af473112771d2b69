// What is no image that is read, by its name; what PNG, TIFF and WebP say of damage.
#include "tests/data_fixtures.h"

namespace lspt {
namespace {

TEST_CASE("what is no image that is read is refused by its own name") {
  const auto error = [](const std::string& bytes) {
    return error_of([&] { decode(bytes, "x.jpg"); });
  };
  CHECK(contains(error(""), "x.jpg: the file is empty (0 bytes)"));
  CHECK(contains(error("GIF89a"), "x.jpg: truncated or corrupt GIF by byte 6"));
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

TEST_CASE("a changed byte in a PNG is found by its checksums") {
  const std::string bytes = read_file(kImages + "palette.png");
  for (size_t at = 8; at < bytes.size(); at += 5) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    CHECK(error_of([&] { decode(damaged); }).substr(0, 3) == "3: ");
  }
}

std::string deflated(const std::string& raw) {
  uLongf size = compressBound(raw.size());
  std::string data(size, '\0');
  compress(reinterpret_cast<Bytef*>(data.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
           raw.size());
  data.resize(size);
  return data;
}

/// Of one bit a pixel; `more` is chunks between header and pixels.
std::string png_of(int width, int height, char color, const std::string& raw,
                   const std::vector<std::string>& more = {}) {
  const auto big = [](unsigned long value) {
    std::string text;
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift);
    return text;
  };
  const auto chunk = [&](const std::string& body) {
    return big(body.size() - 4) + body + big(crc(body.data(), body.size()));
  };
  std::string bytes = "\x89PNG\r\n\x1a\n" + chunk("IHDR" + big(static_cast<unsigned>(width)) +
                                                  big(static_cast<unsigned>(height)) + '\1' +
                                                  color + std::string(3, '\0'));
  for (const std::string& body : more) bytes += chunk(body);
  return bytes + chunk("IDAT" + deflated(raw)) + chunk("IEND");
}

TEST_CASE("a PNG has as many pixels as it says, and colours that it does not name are black") {
  const std::string two_rows("\0\x40\0\x80", 4), black("PLTE\0\0\0", 7), white = "\xff\xff\xff";
  const auto error = [](const std::string& bytes) {
    return error_of([&] { decode(bytes, "x.png"); });
  };
  CHECK(decode(png_of(2, 2, 3, two_rows, {black + white})).pixels ==
        Pixels{0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0});
  CHECK(decode(png_of(2, 2, 3, two_rows, {black})).pixels == Pixels(12, 0));  // as in Pillow
  CHECK(contains(
      error(png_of(2, 3, 3, two_rows, {black + white})),
      "3: read image: x.png: truncated or corrupt PNG by byte 83 (Not enough image data)"));
  CHECK(error(png_of(2, 1, 3, two_rows, {black + white})) != "");
  CHECK(contains(error(png_of(2, 2, 3, two_rows)), "PLTE"));
  // What a text or a profile would unpack to does not matter.
  const std::string bomb = deflated(std::string(100'000'000, ' '));
  CHECK(error(png_of(2, 2, 0, two_rows, {"zTXta" + std::string(2, '\0') + bomb})) == "");
  CHECK(error(png_of(2, 2, 0, two_rows, {"iCCPa" + std::string(2, '\0') + bomb})) == "");
}

TEST_CASE("a hundred megapixels are decoded, one row more is not") {
  // The smallest PNG of a size: rows of zeros.
  const auto png = [](int width, int height) {
    return png_of(
        width, height, 0,
        std::string((static_cast<size_t>(width) / 8 + 1) * static_cast<size_t>(height), '\0'));
  };
  const Image image = decode(png(20'000, 5'000));
  CHECK(image.pixels.size() == size_t{300'000'000});
  CHECK(contains(error_of([&] { decode(png(20'000, 5'001)); }), "at most 100 megapixels"));
}

}  // namespace
}  // namespace lspt
