/// From a checkpoint back to its model.
#pragma once

#include "models/model.h"
#include "train/checkpoint.h"
#include "train/inputs/backbone.h"
#include "train/output/console.h"

namespace lspt {

/// The model of a checkpoint with its trained values. Its frozen backbone comes from `weights` if
/// not empty, else from where the checkpoint says, which is brought up to date; another file is
/// refused with Error(mismatch), unless it holds the same values in another precision
/// (same_backbone), a missing one with Error(kWeights). If `loaded` is that file it is not read
/// again.
std::unique_ptr<Model> restore(Checkpoint& checkpoint, const std::string& weights,
                               ErrorKind mismatch, Console& console,
                               const Backbone* loaded = nullptr);

/// Trainable values under their names.
NamedTensors trained_values(Model& model);

}  // namespace lspt
