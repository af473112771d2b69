// A part of an image is that part of the whole one, to the byte, and so are the errors.
#include <cstdio>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include "data/images/resize.h"
#include "data/loader.h"
#include "tests/data_fixtures.h"
#include "tests/mutate.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The k-th random rectangle of an image of that size.
Window window_of(const Size& size, uint64_t k) {
  const Random random(7, 0, k, Purpose::test);
  const auto below = [&](uint64_t i, int n) {
    return static_cast<int>(random.below(i, static_cast<uint32_t>(n)));
  };
  const int left = below(0, size.width), top = below(1, size.height);
  return {left, top, 1 + below(2, size.width - left), 1 + below(3, size.height - top)};
}

// Bytes of the wanted part that are not those of the image; all, if it is not there.
size_t differing(const ImagePart& part, const Image& whole, const Window& wanted) {
  if (part.whole.width != whole.width || part.whole.height != whole.height ||
      part.left > wanted.left || part.top > wanted.top ||
      part.left + part.pixels.width < wanted.left + wanted.width ||
      part.top + part.pixels.height < wanted.top + wanted.height)
    return whole.pixels.size();
  size_t count = 0;
  for (int y = wanted.top; y < wanted.top + wanted.height; ++y)
    for (int i = 3 * wanted.left; i < 3 * (wanted.left + wanted.width); ++i)
      count += part.pixels.row(y - part.top)[i - 3 * part.left] != whole.row(y)[i];
  return count;
}

// A JPEG of noise on ramps; restarts every `interval` blocks, if not 0.
std::string written_jpeg(int width, int height, int components, unsigned interval, int across = 1,
                         int down = 1) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = components;
  info.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  for (int c = 0; c < components; ++c)
    info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
  info.comp_info[0].h_samp_factor = across;
  info.comp_info[0].v_samp_factor = down;
  info.restart_interval = interval;
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> line(static_cast<size_t>(components * width));
  for (int y = 0; y < height; ++y) {
    for (size_t i = 0; i < line.size(); ++i)
      line[i] =
          static_cast<uint8_t>(static_cast<int>(i) * 3 + y * 5 + static_cast<int>(i) * y % 31);
    JSAMPROW row = line.data();
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}

void check_windows(const std::string& bytes, uint64_t count) {
  const Image whole = decode(bytes);
  size_t wrong = 0;
  for (uint64_t k = 0; k < count; ++k) {
    const Window wanted = window_of(whole, k);
    const auto part = decode_part(bytes_of(bytes), "x", [&](const Size&) { return wanted; });
    wrong += differing(part, whole, wanted);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a part of every kind of image is that part of the whole one") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(kImages)) {
    const std::string ending = entry.path().extension();
    if (ending == ".txt") continue;
    CAPTURE(entry.path().string());
    check_windows(read_file(entry.path()), 60);
    ++files;
  }
  CHECK(files == 78);
  for (const auto& [width, height] : {std::pair(8, 8), {9, 33}, {131, 70}, {64, 17}})
    for (const int components : {1, 3, 4})
      for (const unsigned interval : {0u, 1u, 5u}) {
        const std::string kind = std::to_string(width) + " pixels, " + std::to_string(components) +
                                 " planes, restarts " + std::to_string(interval);
        CAPTURE(kind);
        for (const auto& [across, down] : {std::pair(1, 1), {2, 1}, {2, 2}, {1, 2}, {4, 1}})
          check_windows(written_jpeg(width, height, components, interval, across, down), 60);
      }
}

TEST_CASE("what lies outside a part is not computed where it cannot matter") {
  const auto size = [](const std::string& bytes) -> Size {
    return decode_part(bytes_of(bytes), "x",
                       [](const Size&) {
                         return Window{21, 9, 10, 4};
                       })
        .pixels;
  };
  for (const int components : {1, 3, 4}) {
    const Size part = size(written_jpeg(131, 70, components, 0));
    CHECK(part.width == 10 + 21 % 8);
    CHECK(part.height == 4);
  }
  const Size part = size(written_jpeg(131, 70, 3, 0, 2, 2));  // 16 beside it, on 16
  CHECK(part.width == 47);
  CHECK(part.height == 70);
  CHECK(size(read_file(kImages + "progressive.jpg")).height == 31);
  CHECK_THROWS_AS(decode_part(bytes_of(written_jpeg(20, 20, 3, 0)), "x",
                              [](const Size&) {
                                return Window{0, 1, 20, 20};
                              }),
                  Error);
}

TEST_CASE("every cut and 10,000 changed bytes: a part has the error or the pixels of the whole") {
  std::vector<std::string> files = {written_jpeg(45, 31, 1, 0), written_jpeg(45, 31, 3, 4)};
  for (const char* name : {"rgb_444.jpg", "rgb_420.jpg", "rgb_422.jpg", "gray.jpg",
                           "progressive.jpg", "ycck.jpg", "padded.jpg"})
    files.push_back(read_file(kImages + name));
  for (const std::string& file : files) {
    uint64_t k = 0;
    size_t wrong = 0, images = 0;
    for_each_mutation(file, 5, 10'000, [&](const std::string& damaged) {
      Image whole;
      Window wanted{};
      const std::string error = error_of([&] { whole = decode(damaged); });
      const std::string other = error_of([&] {
        const ImagePart part = decode_part(bytes_of(damaged), "bytes", [&](const Size& size) {
          return wanted = window_of(size, k);
        });
        if (error.empty()) wrong += differing(part, whole, wanted);
      });
      wrong += error != other;
      images += error.empty();
      ++k;
    });
    CHECK(wrong == 0);
    CHECK(images > 100);
  }
}

TEST_CASE("a resize reads no more than it says") {
  for (const Interpolation filter : {Interpolation::bilinear, Interpolation::bicubic})
    for (const auto& [width, height] : {std::pair(90, 61), {31, 40}, {53, 20}, {9, 200}, {1, 1}}) {
      const Size size{width, height};
      const Image image = pattern(53, 47), whole = resize(image, width, height, filter);
      for (uint64_t k = 0; k < 50; ++k) {
        const Window wanted = window_of(size, k),
                     read = read_by_resize(image, size, filter, wanted);
        REQUIRE((read.left >= 0 && read.top >= 0 && read.left + read.width <= image.width &&
                 read.top + read.height <= image.height));
        Image held(read.width, read.height);
        for (int y = 0; y < read.height; ++y)
          std::copy_n(image.row(read.top + y) + 3 * read.left, 3 * read.width, held.row(y));
        const Image out =
            resize(ImagePart(std::move(held), read.left, read.top, image), size, filter, wanted);
        size_t wrong = 0;
        for (int y = 0; y < wanted.height; ++y)
          wrong += !std::equal(out.row(y), out.row(y) + 3 * wanted.width,
                               whole.row(wanted.top + y) + 3 * wanted.left);
        CHECK(wrong == 0);
      }
      const ImagePart corner(Image(8, 8), 0, 0, image);
      CHECK_THROWS_AS(resize(corner, size, filter, {0, 0, width, height}), Error);
    }
}

TEST_CASE("without a cache batches are those of whole images to the bit") {
  const TempFolder folder;
  std::vector<Sample> samples;
  for (int k = 0; k < 24; ++k)
    samples.push_back({folder.write(std::to_string(k) + ".jpg",
                                    written_jpeg(60 + 17 * (k % 5), 50 + 9 * k, k % 2 ? 3 : 1, 0)),
                       0});
  for (const Interpolation filter : {Interpolation::bilinear, Interpolation::bicubic})
    for (const bool train : {true, false}) {
      LoaderOptions options;
      options.batch_size = 24;
      options.img_size = 32;
      options.train = train;
      options.interpolation = filter;
      Loader cached(samples, options);
      options.cache_bytes = 0;
      Loader direct(samples, options);
      for (int epoch = 0; epoch < 3; ++epoch) {
        Batch kept, made;
        cached.start(epoch);
        direct.start(epoch);
        REQUIRE((cached.next(kept) && direct.next(made)));
        CHECK(kept.images.to_vector() == made.images.to_vector());
      }
      CHECK(direct.decoded() == 72);
    }
}

TEST_CASE("parts of every real JPEG are those of the whole image") {
  const char* root = std::getenv("LSPT_SHARED_DATA");
  if (!root) {
    MESSAGE("LSPT_SHARED_DATA is not set: no real image was cut");
    return;
  }
  size_t wrong = 0, files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / "cub10")) {
    if (entry.path().extension() != ".jpg") continue;
    const Image whole = load_image(entry.path());
    for (uint64_t k = 0; k < 4; ++k) {
      const Window wanted = window_of(whole, 4 * files + k);
      wrong +=
          differing(load_part(entry.path(), [&](const Size&) { return wanted; }), whole, wanted);
    }
    ++files;
  }
  CHECK(wrong == 0);
  CHECK(files > 500);
}

}  // namespace
}  // namespace lspt
