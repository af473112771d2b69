/// A run's frozen backbone, loaded and identified.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint.h"

namespace lspt {

/// What the weights say about how to use them; nothing if there are none.
struct WeightsHint {
  Family family = Family::timm;
  Resample resample = Resample::antialiased;  ///< what loading them did, or would have done
  /// Of the run that wrote them, if one of ours did; or what the file tells; else "".
  std::string pool = {}, fc_norm = {}, normalization = {};
};

struct Backbone {
  BackboneFile file;
  LoadedBackbone loaded;
  WeightsHint hint;
  std::string published;  ///< known_files.h
  /// The run of ours that trained it, if one did: its classes and images.
  std::vector<std::string> seen_classes;
  DataDigest seen_data;
};
/// Loads and identifies the weights for a model of these sizes.
Backbone load_weights(const WeightsSettings& weights, const ViTConfig& vit);

/// load_backbone as the settings have it, MAE's final norm included.
LoadedBackbone load_for(const WeightsSettings& weights, const ViTConfig& vit);

}  // namespace lspt
