// Why every listed file is missing, where that can be told.
#include <algorithm>
#include <functional>

#include "data/datasets/layouts.h"

namespace lspt {
namespace {

/// Where the files would be, if the lists' paths were meant so.
struct Guess {
  std::string meaning;
  std::function<fs::path(const std::string& listed)> place;
};

std::vector<Guess> guesses(const fs::path& root, const std::string& first) {
  const auto from = [](const fs::path& folder) {
    return Guess{"are found from " + folder.string() + ": give it as --data, and the lists by " +
                     "their names from there (--train-list, --val-list, --test-list)",
                 [=](const std::string& listed) { return folder / listed; }};
  };
  std::vector<Guess> all = {from(fs::absolute(root).lexically_normal().parent_path())};
  for (const std::string& name : entries_of(root, true)) all.push_back(from(root / name));
  for (size_t at = first.find('/'); at != std::string::npos; at = first.find('/', at + 1)) {
    const std::string prefix = first.substr(0, at + 1);
    all.push_back(
        {"are found without '" + prefix + "' at their beginnings", [=](const std::string& listed) {
           return listed.starts_with(prefix) ? root / listed.substr(prefix.size()) : fs::path();
         }});
  }
  for (const std::string ending : {".jpg", ".jpeg", ".JPG", ".JPEG", ".png"})
    all.push_back({"are found with " + ending + " at their ends",
                   [=](const std::string& listed) { return root / (listed + ending); }});
  all.push_back({"are found with / in the place of \\", [=](std::string listed) {
                   std::replace(listed.begin(), listed.end(), '\\', '/');
                   return root / listed;
                 }});
  return all;
}

}  // namespace

std::string cause_of(const std::vector<MissingFile>& missing, size_t listed, const fs::path& root) {
  if (missing.size() < 2) return "";
  std::vector<std::string> paths;
  for (const MissingFile& file : missing)
    paths.push_back(fs::path(file.path).lexically_relative(root).string());
  const auto all = [&](const auto& is) { return std::all_of(paths.begin(), paths.end(), is); };
  const std::string who = "all " + std::to_string(paths.size()) + " paths ";
  if (all([](const std::string& path) { return path.ends_with(','); }))
    return who + "end in ',': is it comma-separated? Commas count where every line has one, and " +
           "its path an image's ending, such as .jpg";
  if (paths.size() < listed) return "";
  int64_t number = 0;
  if (all([&](const std::string& path) { return parse_integer(path, number); }))
    return who + "are numbers: is that the labels' column? The path is the first column that has " +
           "an image's ending, such as .jpg, else the first";
  for (const Guess& guess : guesses(root, paths[0]))
    if (all([&](const std::string& path) {
          std::error_code error;
          return fs::is_regular_file(guess.place(path), error);
        }))
      return who + guess.meaning;
  return "";
}

}  // namespace lspt
