/// How many processors this process may use.
#pragma once

#include "engine/control_groups.h"

namespace lspt {

/// Processors that the control groups of this process leave it, rounded up: the smallest quota from
/// its own group to the root. 0 if none sets one.
int processors_by_quota(const ControlGroups& groups = {});

/// By affinity (taskset, cpusets) and quota (docker --cpus, Slurm).
int processors_allowed();

}  // namespace lspt
