#include "engine/processors.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// "200000 100000" in version 2's cpu.max, or version 1's two files, -1 and "max" being no limit.
double quota_at(const fs::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream(group / "cpu.max") >> quota >> period && period > 0) return quota / period;
  if (std::ifstream(group / "cpu.cfs_quota_us") >> quota && quota > 0 &&
      std::ifstream(group / "cpu.cfs_period_us") >> period && period > 0)
    return quota / period;
  return INFINITY;
}

}  // namespace

int processors_by_quota(const std::string& self, const std::string& groups) {
  double least = INFINITY;
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos)
      continue;
    const fs::path path = fs::path(line.substr(second + 1)).relative_path();
    // In a container the group that is named may be mounted as the root itself.
    for (const char* hierarchy : {"", "cpu", "cpu,cpuacct"}) {
      fs::path group = fs::path(groups) / hierarchy;
      least = std::min(least, quota_at(group));
      for (const fs::path& part : path) least = std::min(least, quota_at(group /= part));
    }
  }
  return std::isinf(least) ? 0 : std::max(1, static_cast<int>(std::ceil(least)));
}

int processors_allowed() {
  static const int allowed = [] {
    const int quota = processors_by_quota();
    return quota > 0 ? std::min(quota, omp_get_num_procs()) : omp_get_num_procs();
  }();
  return allowed;
}

}  // namespace lspt
