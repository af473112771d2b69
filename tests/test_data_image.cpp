#include <cmath>
#include <cstdio>
#include <sstream>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include "data/images/resize.h"
#include "data/loader.h"
#include "tests/data_fixtures.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

Interpolation filter_of(const std::string& name) {
  return name == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear;
}

TEST_CASE("every kind of image file decodes to Pillow's RGB pixels") {
  std::istringstream list(read_file(kImages + "decoded.txt"));
  std::string name;
  int width = 0, height = 0, files = 0;
  for (unsigned long digest; list >> name >> width >> height >> digest; ++files) {
    CAPTURE(name);
    const Image image = load_image(kImages + name);
    CHECK(image.width == width);
    CHECK(image.height == height);
    CHECK(crc(image.pixels.data(), image.pixels.size()) == digest);
  }
  CHECK(files == 78);
}

TEST_CASE("EXIF orientation and a colour profile change nothing") {
  CHECK(load_image(kImages + "exif_icc.jpg").pixels == load_image(kImages + "rgb_420.jpg").pixels);
}

TEST_CASE("a PNG named .jpg is read by its content") {
  CHECK(load_image(kImages + "png_inside.jpg").pixels == load_image(kImages + "rgba.png").pixels);
}

TEST_CASE("an image cut anywhere is an error that names the file") {
  for (const std::string name :
       {"rgb_420.jpg", "progressive.jpg", "cmyk.jpg", "gray.jpg", "rgba.png", "interlaced.png",
        "palette.png", "rgb.bmp", "noise.gif", "lossy.webp", "alpha_lossless.webp",
        "part_of_canvas.webp", "rgb_raw.tif", "rgb_jpeg.tif", "tiles.tif", "planes.tif"}) {
    const std::string bytes = read_file(kImages + name);
    const size_t end = bytes.size() - (name == "noise.gif" ? 3 : 0);  // its last are no pixels
    for (size_t keep = 0; keep < end; keep += keep < 64 ? 1 : 37) {
      CAPTURE(keep);
      const std::string error = error_of([&] { decode(bytes.substr(0, keep), name); });
      CHECK(error.substr(0, 3) == "3: ");
      CHECK(contains(error, name));
    }
    CHECK(error_of([&] { decode(bytes.substr(0, end - 1), name); }) != "");
  }
}

TEST_CASE("a JPEG with damaged pixels is an error, not a gray picture") {
  std::string bytes = read_file(kImages + "rgb_444.jpg");
  const size_t middle = bytes.size() - 300;
  for (size_t i = 0; i < 40; ++i) bytes[middle + i] = '\xff';
  CHECK(contains(error_of([&] { decode(bytes, "bird.jpg"); }), "bird.jpg: truncated or corrupt"));
}

TEST_CASE("a JPEG of more scans than any encoder makes is refused") {
  // Every AC coefficient in two scans of its own: legal, and slow in proportion to their number.
  std::vector<jpeg_scan_info> scans = {{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 0, 1});
  for (int k = 1; k < 64; ++k) scans.push_back({1, {0}, k, k, 1, 0});
  for (const size_t count : {size_t{64}, scans.size()}) {
    jpeg_compress_struct info;
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = info.image_height = 8;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(count);
    jpeg_start_compress(&info, TRUE);
    uint8_t line[8] = {0, 90, 10, 200, 40, 250, 3, 77};
    JSAMPROW row = line;
    for (int y = 0; y < 8; ++y) jpeg_write_scanlines(&info, &row, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    const std::string file(reinterpret_cast<char*>(bytes), size);
    std::free(bytes);
    const std::string error = error_of([&] { decode(file); });
    CHECK((count == 64 ? error.empty() : contains(error, "more than 100 scans")));
  }
}

TEST_CASE("every cut and 10,000 changed bytes of each format: an image or a data error") {
  for (const std::string name :
       {"padded.jpg",          "cmyk.jpg",           "progressive.jpg",  "palette_4.png",
        "interlaced.png",      "gray16.png",         "rgbx.bmp",         "palette.bmp",
        "palette.gif",         "part_of_screen.gif", "lossy.webp",       "alpha_lossless.webp",
        "part_of_canvas.webp", "palette.tif",        "rgb_jpeg.tif",     "fax.tif",
        "tiles.tif",           "tiled_planes.tif",   "multiplied16.tif", "ycbcr.tif"}) {
    CAPTURE(name);
    int failures = 0;
    for_each_mutation(read_file(kImages + name), 11, 10'000, [&](const std::string& damaged) {
      const std::string error = error_of([&] { decode(damaged); });
      if (!error.empty() && error.substr(0, 3) != "3: ") ++failures;
    });
    CHECK(failures == 0);
  }
}

TEST_CASE("a header that promises a huge image is refused before memory is taken") {
  std::string bytes = read_file(kImages + "rgb_444.jpg");
  const size_t frame = bytes.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  bytes.replace(frame + 5, 4, "\x75\x30\x75\x30");  // 30,000 x 30,000
  CHECK(contains(error_of([&] { decode(bytes); }), "at most 100 megapixels expected"));
  bytes.replace(frame + 5, 4, std::string("\x20\0\x20\0", 4));  // 8,192 x 8,192 in a small file
  CHECK(contains(error_of([&] { decode(bytes); }), "cannot hold 8192 x 8192 pixels"));
}

TEST_CASE("resize equals Pillow in every pixel, up and down, bilinear and bicubic") {
  std::istringstream list(read_file(kImages + "resized.txt"));
  int width = 0, height = 0, to_width = 0, to_height = 0, cases = 0;
  std::string filter;
  for (unsigned long digest; list >> width >> height >> to_width >> to_height >> filter >> digest;
       ++cases) {
    const std::string name = std::to_string(width) + "x" + std::to_string(height) + " -> " +
                             std::to_string(to_width) + "x" + std::to_string(to_height) + filter;
    CAPTURE(name);
    const Image out = resize(pattern(width, height), to_width, to_height, filter_of(filter));
    REQUIRE(out.pixels.size() == size_t{3} * to_width * to_height);
    CHECK(crc(out.pixels.data(), out.pixels.size()) == digest);
  }
  CHECK(cases == 32);
}

TEST_CASE("a part of a resized image is that part") {
  for (const Interpolation filter : {Interpolation::bilinear, Interpolation::bicubic})
    for (const auto& [width, height] : {std::pair(90, 61), {31, 40}, {53, 20}, {53, 47}}) {
      const Image image = pattern(53, 47), whole = resize(image, width, height, filter);
      const Window part{width / 5, height / 3, width / 2, height / 2};
      const Image out = resize(ImagePart(image), {width, height}, filter, part);
      REQUIRE((out.width == part.width && out.height == part.height));
      for (int y = 0; y < part.height; ++y)
        CHECK(std::equal(out.row(y), out.row(y) + 3 * part.width,
                         whole.row(part.top + y) + 3 * part.left));
      CHECK_THROWS_AS(resize(ImagePart(image), {width, height}, filter, {1, 0, width, 1}), Error);
    }
}

TEST_CASE("the short side decides, the long side is cut to a whole pixel") {
  const auto size = [](int w, int h, int side) {
    const Image image = resize(Image(w, h), ResizeRule{ResizeRule::Shape::short_side, side}, "x");
    return std::pair(image.width, image.height);
  };
  CHECK(size(500, 333, 256) == std::pair(384, 256));
  CHECK(size(100, 299, 256) == std::pair(256, 765));
  CHECK(size(256, 300, 256) == std::pair(256, 300));
  CHECK(contains(error_of([&] { size(1, 100'000, 256); }), "3: read image: x resized"));
  CHECK(resize_side(224) == 256);
  CHECK(resize_side(384) == 438);
  CHECK(resize_side(448) == 512);
}

TEST_CASE("the centre by both of torchvision's rules") {
  const auto top = [](int margin, CropRule rule) {
    return center_crop(Image(8, 8 + margin), 8, rule).top;
  };
  for (int margin = 0; margin < 12; ++margin) {
    CHECK(top(margin, CropRule::torchvision_0_8) == static_cast<int>((margin + 1) * 0.5));
    CHECK(top(margin, CropRule::torchvision_0_9) == static_cast<int>(std::nearbyint(margin / 2.0)));
  }
}

TEST_CASE("TensorFlow 1's bilinear resize") {
  // in = 0, 30, 60, 90 along x: sample i of 3 stands at 4 i / 3, and the last of 8 beyond the edge.
  Image image(4, 1);
  for (int i = 0; i < 12; ++i)
    image.pixels[static_cast<size_t>(i)] = static_cast<uint8_t>(i / 3 * 30);
  const std::vector<float> three = resize_tf(image, 3, 1), eight = resize_tf(image, 8, 2);
  REQUIRE(three.size() == 9);
  CHECK(three[0] == 0.0f);
  CHECK(three[3] == doctest::Approx(40.0));
  CHECK(three[8] == doctest::Approx(80.0));
  for (size_t i = 0; i < 8; ++i)
    CHECK(eight[3 * (8 + i)] == std::min(15.0f * static_cast<float>(i), 90.0f));
  std::istringstream list(read_file(kImages + "resized_tf.txt"));
  int width = 0, height = 0, to_width = 0, to_height = 0, cases = 0;
  for (unsigned long digest; list >> width >> height >> to_width >> to_height >> digest; ++cases) {
    const std::vector<float> out = resize_tf(pattern(width, height), to_width, to_height);
    CHECK(crc(out.data(), out.size() * sizeof(float)) == digest);
  }
  CHECK(cases == 6);
}

TEST_CASE("resize, crop, flip and normalise equal torchvision to the bit") {
  std::istringstream list(read_file(kImages + "transforms.txt"));
  int width = 0, height = 0, size = 0, cases = 0;
  std::string filter, constants;
  Crop crop;
  for (unsigned long digest; list >> width >> height >> size >> filter >> constants >> crop.top >>
                             crop.left >> crop.flip >> digest;
       ++cases) {
    const std::string name = std::to_string(width) + "x" + std::to_string(height) + " -> " +
                             std::to_string(size) + filter + constants;
    CAPTURE(name);
    LoaderOptions options;
    options.img_size = size;
    options.interpolation = filter_of(filter);
    const Image image = resize(pattern(width, height), resize_rule(options), "x");
    if (crop.top < 0) crop = center_crop(image, size);
    std::vector<float> out(size_t{3} * size * size);
    Normalizer(constants == "half" ? kHalf : kImageNet).write(image, crop, size, out.data());
    CHECK(crc(out.data(), out.size() * sizeof(float)) == digest);
  }
  CHECK(cases == 15);
}

TEST_CASE("random crops reach every position and flip half of the time") {
  const Image image(12, 10);
  int flips = 0;
  std::vector<int> tops(4), lefts(6);
  for (uint64_t sample = 0; sample < 600; ++sample) {
    const Crop crop = random_crop(image, 7, Random(5, 2, sample, Purpose::augment));
    REQUIRE((crop.top >= 0 && crop.top <= 3 && crop.left >= 0 && crop.left <= 5));
    ++tops[static_cast<size_t>(crop.top)];
    ++lefts[static_cast<size_t>(crop.left)];
    flips += crop.flip;
  }
  for (const int count : tops) CHECK(count > 100);
  for (const int count : lefts) CHECK(count > 60);
  CHECK(flips > 240);
  CHECK(flips < 360);
  CHECK_THROWS_AS(random_crop(image, 11, Random(5, 2, 0, Purpose::augment)), Error);
}

}  // namespace
}  // namespace lspt
