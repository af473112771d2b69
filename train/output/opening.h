/// What a run says of itself before its first step.
#pragma once

#include "train/inputs/feature_source.h"
#include "train/inputs/inputs.h"

namespace lspt {

/// What the file was found to be.
void say_weights(Console& console, const Backbone& backbone);
/// How images become the network's input, as resolved options have it.
void say_images(Console& console, const LoaderOptions& images);
/// Model, method, data, images and recipe in a line each.
void say_start(Console& console, const TrainSettings& settings, Model& model,
               const Dataset& dataset);
/// Which features are computed once; either may be none.
void say_features(Console& console, Model& model, const FeatureSource* train,
                  const FeatureSource* choice);
/// Warns of a backbone that a run of ours trained with labels of this run's classes, and perhaps
/// images.
void say_seen(Console& console, const Backbone& backbone, const Inputs& inputs);

/// Numbers in all of them.
int64_t elements(const Parameters& parameters);

}  // namespace lspt
