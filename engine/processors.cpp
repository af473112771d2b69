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

int processors_by_quota(const ControlGroups& groups) {
  double least = INFINITY;
  for (const fs::path& group : groups.folders("cpu")) least = std::min(least, quota_at(group));
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
