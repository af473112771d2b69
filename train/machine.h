/// The machine as the settings want it.
#pragma once

#include <string>

#include "train/settings/train_settings.h"

namespace lspt {

/// Uses the threads and rounding that are asked for.
void set_up_machine(const MachineSettings& machine);
/// The threads that are asked for, else OMP_NUM_THREADS, else what affinity and quota leave; says
/// where that is too many.
void use_threads(int asked);
/// "cpu, threads 2", or the GPU by name.
std::string device_text(Device device);

/// Which steps are captured: those on so many images, on a GPU. Throws Error(kUsage) if that is
/// asked for where it cannot be.
Capture capture_of(const MachineSettings& machine, int64_t batch);

}  // namespace lspt
