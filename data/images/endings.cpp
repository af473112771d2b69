#include "data/images/endings.h"

#include <algorithm>

#include "engine/error.h"
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

std::vector<std::string> find_images(const std::string& who,
                                     const std::vector<std::string>& given) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  for (const std::string& path : given) {
    require(fs::exists(path), ErrorKind::kData, who, " ", path, ": not found");
    if (!fs::is_directory(path)) {
      out.push_back(path);
      continue;
    }
    const size_t before = out.size();
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && looks_like_image(entry.path()))
        out.push_back(entry.path().string());
    require(out.size() > before, ErrorKind::kData, who, " ", path,
            ": no file in this folder ends with one of ", image_endings());
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
  }
  return out;
}

}  // namespace lspt
