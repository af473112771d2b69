/// What a run would do and take, without doing it.
#pragma once

#include "train/run.h"

namespace lspt {

/// Says the plan: model, images, memory, operations, steps, and the time at the rate of three steps
/// and an evaluation on blank images. Writes nothing, except that a GPU's algorithms are kept as
/// always (engine/choices.h). With `json` also as one line on standard output. Throws
/// Error(kMemory) where the run would.
void dry_run(RunPlan plan, Inputs& inputs, bool json, Console& console);

}  // namespace lspt
