/// What a model makes of images in the blocks that training never changes, in their place.
#pragma once

#include <memory>

#include "data/loader.h"
#include "models/model.h"

namespace lspt {

/// The batches of a Loader, their images replaced by Model::stem: what the head reads, or the
/// tokens that enter the first trained block. Each image goes through the stem once: in the first
/// epoch that is seen from begin to end; from then on batches are gathered from memory. An epoch
/// that was resumed in its middle is computed as it comes.
///
/// With oneDNN 2.6 a step on these batches has the bits of a step on the images: there the stem
/// of an image does not depend on the size of its batch (tests/test_train_features.cpp). Elsewhere
/// a last, smaller batch may differ by rounding.
class FeatureSource : public BatchSource {
 public:
  /// The model's stem must not change as long as this lives, and images must not either: see
  /// Model::frozen_blocks, LoaderOptions::random.
  FeatureSource(Model& model, Loader& images);

  int64_t batches() const override { return images_.batches(); }
  int64_t samples() const override { return images_.samples(); }
  void start(int64_t epoch, int64_t first_batch = 0) override;
  bool next(Batch& batch) override;
  double wait_seconds() const override { return complete_ ? 0 : images_.wait_seconds(); }
  const char* unit() const override { return complete_ ? "kept features" : "img"; }
  std::vector<BadImage> bad_images() const override { return images_.bad_images(); }
  std::string cache_trouble() const override { return images_.cache_trouble(); }
  int64_t bytes() const { return static_cast<int64_t>(features_.nbytes()); }

 private:
  Model& model_;
  Loader& images_;
  std::vector<bool> bad_;
  Tensor features_;          // (samples, a stem) on the CPU
  bool complete_ = false;    // whether all of it is there
  bool from_begin_ = false;  // whether the epoch under way began with its first batch
  std::vector<int64_t> order_;
  int64_t taken_ = 0;  // samples
};

/// Bytes that the stems of so many images take that are kept: 0 where the model or the loader's
/// options change an image's stem from epoch to epoch, and where tokens would take more than a
/// quarter of the memory that is free.
double kept_bytes(Model& model, const LoaderOptions& options, int64_t images);

/// A FeatureSource where stems are kept, else nothing.
std::unique_ptr<FeatureSource> features_for(Model& model, Loader& images);

}  // namespace lspt
