/// The CUDA runtime as far as this program needs it, on the CPU. Kernel files include this instead
/// of the toolkit's header (-Itests/emulated stands first), so that g++ compiles them as host code
/// and tests run them without a GPU: index arithmetic, barriers, shuffles and stream capture are
/// executed for real. What it cannot see: time, occupancy, limits of registers and shared memory,
/// and functions that miss a __device__.
///
///   LSPT_EMULATED_ORDER    order in which blocks and threads take turns: ascending (default),
///                          reverse or shuffle (a fixed permutation). Results that differ in
///                          their bits between the three show a race.
///   LSPT_EMULATED_LOCK=1   device memory is out of reach of host code
///   LSPT_EMULATED_MEMORY   bytes of device memory
///   LSPT_EMULATED_GRAPHS=0 captured graphs cannot be instantiated
///   CUDA_VISIBLE_DEVICES   empty or -1: there is no device
#pragma once

#include "tests/emulated/block.h"
#include "tests/emulated/device_math.h"
#include "tests/emulated/device_types.h"
#include "tests/emulated/runtime_api.h"
#include "tests/emulated/warp.h"
