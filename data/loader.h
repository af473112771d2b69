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
  bool train = false;  ///< shuffle, random crop and flip; else in order, centre crop
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
  Tensor images;  ///< (B, 3, S, S) f32 on the loader's device
  std::vector<int> labels;
  std::vector<int64_t> indices;  ///< into the samples the loader was given
};

/// The content of every batch is a function of (samples, options, epoch, batch) alone: not of the
/// number of workers, nor of what was read before. Training order is a Fisher-Yates shuffle by
/// (seed, epoch); the last batch may be smaller. Decoded and resized images are kept in memory up
/// to cache_bytes; what does not fit is decoded again each time.
class Loader {
 public:
  /// Throws Error(kUsage) for a batch size, image size or number of workers out of range.
  Loader(std::vector<Sample> samples, const LoaderOptions& options);
  ~Loader();  ///< stops at the next image boundary; never waits for the rest of the epoch

  int64_t batches() const;
  int64_t samples() const;
  /// Begins an epoch, at batch `first_batch` when resuming; drops what was left of another.
  void start(int64_t epoch, int64_t first_batch = 0);
  /// The next batch, or false when the epoch is over. Throws the error of the first bad image of
  /// the batch; the epoch is over then.
  bool next(Batch& batch);
  /// Seconds that next() has waited for images since the last start().
  double wait_seconds() const;
  int64_t decoded() const;  ///< images decoded so far; all others came from the cache

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lspt
