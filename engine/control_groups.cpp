#include "engine/control_groups.h"

#include <fstream>

namespace lspt {

namespace fs = std::filesystem;

std::vector<fs::path> ControlGroups::folders(const std::string& controller) const {
  std::vector<fs::path> all;
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() &&
        ("," + controllers + ",").find("," + controller + ",") == std::string::npos)
      continue;
    const fs::path path = fs::path(line.substr(second + 1)).relative_path();
    // In a container the group that is named may be mounted as the root itself.
    for (const std::string& hierarchy : {std::string(), controller, controllers}) {
      fs::path group = fs::path(mounts) / hierarchy;
      all.push_back(group);
      for (const fs::path& part : path) all.push_back(group /= part);
    }
  }
  return all;
}

}  // namespace lspt
