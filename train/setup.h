/// What train, eval and predict build in the same way: data, loaders, backbone, model.
#pragma once

#include <memory>
#include <optional>

#include "data/loader.h"
#include "models/model.h"
#include "models/weights/load.h"
#include "train/checkpoint.h"
#include "train/console.h"
#include "train/recipes.h"

namespace lspt {

/// Uses --threads and --tf32, and refuses a device that is not there.
void set_up_machine(const Options& options);
/// "cpu, threads 2", or the GPU by name.
std::string device_text(const Options& options);

/// Throws Error(kData), also if there is nothing to evaluate on.
Dataset open_data(const Options& options);
LoaderOptions loader_options(const Options& options, bool train);

struct Backbone {
  BackboneFile file;
  LoadedBackbone loaded;
  WeightsHint hint;
  std::string published;  ///< known_files.h
};
/// Loads and identifies --weights for the model that the options name.
Backbone load_weights(const Options& options);

/// What the file was found to be, for people.
void say_weights(Console& console, const Backbone& backbone);

/// The model of a checkpoint with its trained values. Its frozen backbone comes from `weights` if
/// not empty, else from where the checkpoint says; a file with another hash is refused with
/// Error(mismatch), a missing one with Error(kWeights). If `loaded` is that file it is not read
/// again.
std::unique_ptr<Model> restore(const Checkpoint& checkpoint, const std::string& weights,
                               ErrorKind mismatch, Console& console,
                               const Backbone* loaded = nullptr);

/// Trainable values under their names.
NamedTensors trained_values(Model& model);

}  // namespace lspt
