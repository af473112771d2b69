/// One training run, from settings to results.json: what train does once and sweep many times.
#pragma once

#include "train/inputs/inputs.h"
#include "train/metrics.h"
#include "train/output/console.h"
#include "train/output/run_folder.h"
#include "train/output/run_result.h"

namespace lspt {

struct RunPlan {
  Checkpoint state = {};     ///< of a new run only its settings
  std::string resumed = {};  ///< the folder that `state` comes from; "" for a new run
  std::string weights = {};  ///< where a resumed run's backbone is now, if not where it was
  bool test = true;          ///< whether the best epoch is tested at the end
};

/// Trains, or goes on, tests the best epoch, and writes everything into the folder; results.json
/// last. Throws Error(kDiverged), and whatever else stops a run.
RunResult run(RunPlan plan, Inputs& inputs, const RunFolder& folder, Console& console);

/// The first half of that, which writes nothing: the run's model, new or as its checkpoint has it.
std::unique_ptr<Model> model_for(RunPlan& plan, const Inputs& inputs, Console& console);

}  // namespace lspt
