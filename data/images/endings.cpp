#include "data/images/endings.h"

#include <algorithm>

#include "engine/text.h"

namespace lspt {
namespace {

constexpr Ending kEndings[] = {{".jpg", ImageHeader::jpeg},
                               {".jpeg", ImageHeader::jpeg},
                               {".jpe", ImageHeader::jpeg},
                               {".jfif", ImageHeader::jpeg},
                               {".png", ImageHeader::png},
                               {".gif", ImageHeader::gif},
                               {".bmp", ImageHeader::bmp},
                               {".webp", ImageHeader::webp},
                               {".tif", ImageHeader::tiff},
                               {".tiff", ImageHeader::tiff},
                               {".heic", ImageHeader::other, "HEIC"},
                               {".heif", ImageHeader::other, "HEIC"},
                               {".avif", ImageHeader::other, "AVIF"},
                               {".jp2", ImageHeader::other, "JPEG 2000"},
                               {".jxl", ImageHeader::other, "JPEG XL"},
                               {".ppm", ImageHeader::other, "PPM"},
                               {".pgm", ImageHeader::other, "PGM"}};

}  // namespace

std::string ending_of(const std::filesystem::path& path) {
  return lower(path.extension().string());
}

const Ending* image_ending(const std::filesystem::path& path) {
  const std::string text = ending_of(path);
  const auto* it = std::find_if(std::begin(kEndings), std::end(kEndings),
                                [&](const Ending& ending) { return ending.text == text; });
  return it == std::end(kEndings) ? nullptr : it;
}

bool looks_like_image(const std::filesystem::path& path) {
  const Ending* ending = image_ending(path);
  return ending && ending->format != ImageHeader::other;
}

std::string image_endings() {
  std::string all;
  for (const Ending& ending : kEndings)
    if (ending.format != ImageHeader::other)
      all += (all.empty() ? "" : ", ") + std::string(ending.text);
  return all;
}

}  // namespace lspt
