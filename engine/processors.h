/// How much of the machine this process may use.
#pragma once

#include <string>

namespace lspt {

/// Processors that the control groups of this process leave it, rounded up: the smallest quota from
/// its own group to the root. 0 if none sets one. `self` is its /proc/self/cgroup, `groups` where
/// the hierarchies are mounted; versions 1 and 2.
int processors_by_quota(const std::string& self = "/proc/self/cgroup",
                        const std::string& groups = "/sys/fs/cgroup");

/// By affinity (taskset, cpusets) and quota (docker --cpus, Slurm).
int processors_allowed();

}  // namespace lspt
