// Real images against Pillow and torchvision: tests/golden/make_digest.py wrote the digests.
#include <algorithm>
#include <map>
#include <sstream>

#include "data/loader.h"
#include "engine/digest.h"
#include "tests/data_fixtures.h"

namespace lspt {
namespace {

std::string_view text(const Pixels& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Image cropped(const Image& image, int size) {
  const Crop crop = center_crop(image, size);
  Image out(size, size);
  for (int y = 0; y < size; ++y)
    std::copy_n(image.row(crop.top + y) + 3 * crop.left, 3 * size, out.row(y));
  return out;
}

TEST_CASE("every image of real data sets decodes and resizes to Pillow's pixels") {
  const char* root = std::getenv("LSPT_SHARED_DATA");
  if (!root) {
    MESSAGE("LSPT_SHARED_DATA is not set: no real image was compared");
    return;
  }
  namespace fs = std::filesystem;
  std::map<std::string, std::pair<size_t, std::map<std::string, std::string>>> expected;
  std::istringstream list(read_file("tests/golden/pixels.txt"));
  size_t images = 0;
  for (std::string data, stage, hash; list >> data >> images >> stage >> hash;) {
    expected[data].first = images;
    expected[data].second[stage] = hash;
  }
  CHECK(expected.size() == 2);
  for (const auto& [data, content] : expected) {
    CAPTURE(data);
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / data))
      if (entry.path().extension() == ".jpg")
        paths.push_back(fs::relative(entry.path(), root).string());
    std::sort(paths.begin(), paths.end());
    CHECK(paths.size() == content.first);
    std::map<std::string, Digest> digests;
    for (const std::string& path : paths) {
      const auto add = [&](const std::string& stage, const Image& image) {
        Digest& digest = digests[stage];
        digest.add(path);
        digest.add(std::to_string(image.width) + " " + std::to_string(image.height));
        digest.add(text(image.pixels));
      };
      const Image image = load_image((fs::path(root) / path).string());
      add("decoded", image);
      for (const bool bicubic : {false, true}) {
        LoaderOptions options;
        options.interpolation = bicubic ? Interpolation::bicubic : Interpolation::bilinear;
        const std::string filter = bicubic ? "bicubic" : "bilinear";
        add("fgvc-" + filter, cropped(resize(image, resize_rule(options), path), 224));
        options.transform = Transform::vtab;
        add("vtab-" + filter, resize(image, resize_rule(options), path));
      }
    }
    CHECK(digests.size() == 5);
    for (auto& [stage, digest] : digests) {
      CAPTURE(stage);
      CHECK(digest.hex() == content.second.at(stage));
    }
  }
}

}  // namespace
}  // namespace lspt
