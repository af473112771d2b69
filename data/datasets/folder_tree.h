/// Folders in folders, for data sets that are made of them.
#pragma once

#include <functional>
#include <map>

#include "data/datasets/layouts.h"

namespace lspt {

/// Whether one of the files is an image for people, be it of a format that is read or not.
bool any_image(const std::vector<std::string>& files);

/// What to do with a folder below the one that is walked: its path in there ("" is itself,
/// "GROUP/CLASS") and the names of its files, sorted. True ends the walk.
using Visit = std::function<bool(const std::string& folder, std::vector<std::string>& files)>;
/// In the order of names, each folder before those in it; links that lead back are passed over.
/// Returns whether a visit ended it.
bool walk(const fs::path& root, const Visit& visit);

/// The paths of "A/B/C" and of what it is in: "A", "A/B", "A/B/C". Of "": none.
std::vector<std::string> levels_of(const std::string& path);

/// Files that are no images of a class, by kind.
class Skipped {
 public:
  /// Whether it is such a file, which is counted; one in the folder "" is in no class.
  bool takes(const std::string& folder, const std::string& file);
  /// "skipped: 12 .txt, 3 .heic (HEIC is not supported)", or "".
  std::string text() const;

 private:
  std::map<std::string, int64_t> counts_;
};

}  // namespace lspt
