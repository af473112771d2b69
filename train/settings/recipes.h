/// Default settings of each method, and how what the user left open is decided.
#pragma once

#include <optional>

#include "models/model.h"
#include "models/weights/load.h"
#include "train/optimizer.h"
#include "train/settings/options.h"
#include "train/step.h"

namespace lspt {

/// What the weights say about how to use them; nothing if there are none.
struct WeightsHint {
  Family family = Family::timm;
  Resample resample = Resample::antialiased;  ///< what loading them did, or would have done
  /// Of the run that wrote them, if one of ours did; or what the file tells; else "".
  std::string pool = {}, fc_norm = {}, normalization = {};
};

/// Fills everything that depends on the method or on the weights and was not given. Throws
/// Error(kUsage) for a flag that the method cannot use.
void resolve(Options& options, const std::optional<WeightsHint>& weights);

/// Whether --opt lbfgs need look at an image once only: nothing is random. Its run has one epoch.
bool one_look(const Options& options);

/// Settles --transform and what goes with it for a data set of that layout. Throws Error(kUsage)
/// for a flag that the transform cannot use.
void resolve_transform(Options& options, const std::string& layout);

/// The model that resolved options describe.
ModelConfig model_config(const Options& options, int num_classes);

/// Which parameters decay: AdamW spares every bias, as VPT's does; else as the model says.
void set_decay_groups(const Parameters& parameters, OptimizerKind kind);

OptimizerConfig optimizer_config(const Options& options);

/// Which of the steps on so many images are captured and replayed: --cuda-graph, on a GPU. Throws
/// Error(kUsage) if that is asked for where it cannot be.
Capture capture_of(const Options& options, int64_t images);

/// The device that --device means here. Throws Error(kUsage) for cuda where it cannot be had.
Device device_of(const Options& options);

}  // namespace lspt
