/// A tuned model for commands that use one.
#pragma once

#include <memory>

#include "train/checkpoint.h"
#include "train/output/console.h"
#include "train/settings/typed.h"

namespace lspt {

struct Restored {
  Checkpoint checkpoint;
  std::unique_ptr<Model> model;
  Options options;  ///< the run's, with what was given about the machine and the data set
};
/// The machine as `given` says, its --checkpoint, and the model of that.
Restored restore_for(const Options& given, Console& console);

}  // namespace lspt
