/// What a frozen backbone's head reads of images, kept.
#pragma once

#include <functional>
#include <optional>

#include "data/loader.h"
#include "models/model.h"
#include "train/step.h"

namespace lspt {

/// What the head reads of images.
struct KeptFeatures {
  std::vector<Tensor> batches;  ///< (B, embed_dim) f32 on the CPU, in the order they came
  std::vector<int> labels;
  std::vector<int64_t> indices;  ///< the image that a row is a look at
  void add(const Tensor& features, const Batch& batch);
  void add(const KeptFeatures& more);
  /// Keeps what the head reads of a batch, images or features, and says what the head makes of it.
  TrainStep::Result look(Model& model, const Batch& batch, const Tensor& targets);
};

/// The features of one epoch of `source`; nothing if `go_on`, asked after each batch, says no.
std::optional<KeptFeatures> keep_features(Model& model, BatchSource& source, int64_t epoch,
                                          const std::function<bool()>& go_on);

}  // namespace lspt
