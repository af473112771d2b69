/// How much more of the host's memory this process may take.
#pragma once

#include <string>

#include "engine/control_groups.h"

namespace lspt {

struct FreeMemory {
  double bytes = 0;
  std::string of = {};  ///< whose it is: "this machine", "the control group /sys/fs/cgroup/job"
};

/// The least of what the machine has available and what the limits of the control groups leave:
/// limit - usage + cached files, which make room. Nothing known is infinite.
FreeMemory free_memory(const ControlGroups& groups = {},
                       const std::string& meminfo = "/proc/meminfo");

}  // namespace lspt
