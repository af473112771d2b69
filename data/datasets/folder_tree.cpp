#include "data/datasets/folder_tree.h"

#include <algorithm>

#include "data/images/endings.h"

namespace lspt {
namespace {

/// `from`: the folders from the first to the one that is walked. A link to one of them is passed
/// over.
bool walk_from(std::vector<fs::path>& from, const std::string& relative, const Visit& visit) {
  const fs::path folder = from.back();
  std::vector<std::string> files = entries_of(folder, false);
  if (visit(relative, files)) return true;
  for (const std::string& name : entries_of(folder, true)) {
    const fs::path next = folder / name;
    if (fs::is_symlink(next) && std::any_of(from.begin(), from.end(), [&](const fs::path& above) {
          return fs::equivalent(above, next);
        }))
      continue;
    from.push_back(next);
    const bool ended = walk_from(from, relative.empty() ? name : relative + '/' + name, visit);
    from.pop_back();
    if (ended) return true;
  }
  return false;
}

}  // namespace

bool any_image(const std::vector<std::string>& files) {
  return std::any_of(files.begin(), files.end(),
                     [](const std::string& file) { return image_ending(file) != nullptr; });
}

bool walk(const fs::path& root, const Visit& visit) {
  std::vector<fs::path> from = {root};
  return walk_from(from, "", visit);
}

std::vector<std::string> levels_of(const std::string& path) {
  std::vector<std::string> out;
  for (size_t at = 0; at != std::string::npos && !path.empty();) {
    at = path.find('/', at + 1);
    out.push_back(path.substr(0, at));
  }
  return out;
}

bool Skipped::takes(const std::string& folder, const std::string& file) {
  const Ending* ending = image_ending(file);
  const bool read = ending && ending->format != ImageHeader::other;
  if (read && !folder.empty()) return false;
  const std::string kind = ending_of(file);
  ++counts_[(kind.empty() ? "without ending" : kind) +
            (read     ? " (in no class folder)"
             : ending ? " (" + std::string(ending->name) + " is not supported)"
                      : "")];
  return true;
}

std::string Skipped::text() const {
  std::vector<std::pair<int64_t, std::string>> kinds;
  for (const auto& [kind, count] : counts_) kinds.emplace_back(-count, kind);
  std::sort(kinds.begin(), kinds.end());
  std::string all;
  for (const auto& [count, kind] : kinds)
    all += (all.empty() ? "skipped: " : ", ") + std::to_string(-count) + " " + kind;
  return all;
}

}  // namespace lspt
