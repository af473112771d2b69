/// Batches of normalised images, in order, prepared ahead by worker threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/resize.h"
#include "engine/tensor.h"

namespace lspt {

struct LoaderOptions {
  int64_t batch_size = 32;
  int img_size = 224;
  bool train = false;   ///< shuffle; else in order
  bool augment = true;  ///< with `train`: random crop and flip; else centre crop
  Normalization normalization = kImageNet;
  Interpolation interpolation = Interpolation::bilinear;
  uint64_t seed = 0;
  int workers = 2;  ///< 0: next() does the work itself
  size_t cache_bytes = size_t{1} << 30;
  /// cuda: images are cropped, mirrored and normalised on the GPU, from pixels that stay in its
  /// memory as far as device_bytes, and a quarter of what is free, reach (a run has two loaders).
  Device device = Device::cpu;
  size_t device_bytes = ~size_t{0};
};

struct Batch {
  Tensor images;  ///< (B, 3, S, S) f32 on the loader's device; or features, see train/
  std::vector<int> labels;
  std::vector<int64_t> indices;  ///< into the samples the loader was given
};

/// What trains and evaluates a model takes its batches from.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual int64_t batches() const = 0;
  virtual int64_t samples() const = 0;
  /// Begins an epoch, at batch `first_batch` when resuming; drops what was left of another.
  virtual void start(int64_t epoch, int64_t first_batch = 0) = 0;
  /// The next batch, or false when the epoch is over.
  virtual bool next(Batch& batch) = 0;
  /// Seconds that next() has waited for images since the last start().
  virtual double wait_seconds() const = 0;
};

/// Numbers 0 .. count-1 in the order of an epoch: a Fisher-Yates shuffle by (seed, epoch) for
/// training, else as they are.
std::vector<int64_t> epoch_order(int64_t count, const LoaderOptions& options, int64_t epoch);

/// The content of every batch is a function of (samples, options, epoch, batch) alone: not of the
/// number of workers, nor of what was read before. The last batch may be smaller. Decoded and
/// resized images are kept in memory up to cache_bytes; what does not fit is decoded again each
/// time.
class Loader : public BatchSource {
 public:
  /// Throws Error(kUsage) for a batch size, image size or number of workers out of range.
  Loader(std::vector<Sample> samples, const LoaderOptions& options);
  ~Loader() override;  ///< stops at the next image boundary; never waits for the rest of the epoch

  int64_t batches() const override;
  int64_t samples() const override;
  void start(int64_t epoch, int64_t first_batch = 0) override;
  /// Throws the error of the first bad image of the batch; the epoch is over then.
  bool next(Batch& batch) override;
  double wait_seconds() const override;
  int64_t decoded() const;  ///< images decoded so far; all others came from the cache

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lspt
