/// Options to typed settings, part by part, for commands that do not train. The whole:
/// train_settings.
#pragma once

#include "train/settings/options.h"
#include "train/settings/train_settings.h"

namespace lspt {

/// The device that --device means here. Throws Error(kUsage) for cuda where it cannot be had.
Device device_of(const Options& options);
MachineSettings machine_settings(const Options& options);
/// Throws Error(kUsage) if there is no --data.
DatasetOptions dataset_options(const Options& options);
DataSettings data_settings(const Options& options);
/// The family is what --family says, or --model in timm's words ("vit_small_patch16_224.dino").
WeightsSettings weights_settings(const Options& options);

}  // namespace lspt
