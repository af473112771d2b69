/// What a file's name says that it is, by its ending. What it is, its content decides.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/images/header.h"

namespace lspt {

struct Ending {
  std::string_view text;       ///< ".jpg"
  ImageHeader::Format format;  ///< `other` if it is not read
  std::string_view name = {};  ///< of a format that is not read
};

/// Of an image's name, in any case; nullptr for other files.
const Ending* image_ending(const std::filesystem::path& path);

/// Whether the name is one of an image that is read.
bool looks_like_image(const std::filesystem::path& path);

/// ".jpg, .jpeg, ...", all that looks_like_image knows.
std::string image_endings();

/// Images for a command `who`: files are taken whatever they are called, folders are searched for
/// files with an image's name, which come in order. Throws Error(kData) for what is not there, and
/// for a folder without any.
std::vector<std::string> find_images(const std::string& who, const std::vector<std::string>& given);

/// The ending in small letters, ".jpg"; "" if there is none.
std::string ending_of(const std::filesystem::path& path);

}  // namespace lspt
