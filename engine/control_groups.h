/// The control groups of this process, of versions 1 and 2.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lspt {

/// Where the hierarchies are mounted, and which groups the process is in.
struct ControlGroups {
  std::string self = "/proc/self/cgroup", mounts = "/sys/fs/cgroup";

  /// The folders of files that bound what `controller` ("cpu", "memory") leaves the process: those
  /// of its group and of all above it. Some may not exist, and some may be there twice.
  std::vector<std::filesystem::path> folders(const std::string& controller) const;
};

}  // namespace lspt
