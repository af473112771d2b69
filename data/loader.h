/// Batches of normalised images, in order, prepared ahead by worker threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/images/resize.h"
#include "engine/tensor.h"

namespace lspt {

/// fgvc: short side to resize_side, then a crop: random and mirrored half of the time in training,
/// the centre otherwise. vtab: straight to the size, and nothing random. mae: random_resized_crop
/// to the size, of images kept at a short side of at most twice the size; without what is random,
/// the largest centred square.
enum class Transform : uint8_t { fgvc, vtab, mae };

/// Short side before a crop of `size`: floor(size * 256 / 224), VPT's 224 -> 256, 384 -> 438,
/// 448 -> 512.
constexpr int resize_side(int size) { return size * 8 / 7; }

struct LoaderOptions {
  int64_t batch_size = 32;
  int img_size = 224;
  bool train = false;   ///< shuffle; else in order
  bool augment = true;  ///< with `train`: what the transform does at random
  Transform transform = Transform::fgvc;
  Normalization normalization = kImageNet;
  Interpolation interpolation = Interpolation::bilinear;  ///< tf_bilinear: with vtab alone
  CropRule crop_rule = CropRule::torchvision_0_9;
  uint64_t seed = 0;
  int workers = 2;                       ///< 0: next() does the work itself
  std::string cache_file;                ///< of PixelCache; "" for none
  size_t cache_bytes = size_t{1} << 30;  ///< memory for what is not in the file
  bool skip_bad = false;  ///< an image that cannot be read is left out; else it is an error
  /// cuda: images are cropped, mirrored and normalised on the GPU, from pixels that stay in its
  /// memory as far as device_bytes, and a quarter of what is free, reach (a run has two loaders).
  Device device = Device::cpu;
  size_t device_bytes = ~size_t{0};

  bool operator==(const LoaderOptions&) const = default;
  /// Whether an image looks different in every epoch.
  bool random() const { return train && augment && transform != Transform::vtab; }
};

/// What is kept of each image.
ResizeRule resize_rule(const LoaderOptions& options);

struct Batch {
  Tensor images;  ///< (B, 3, S, S) f32 on the loader's device; or features, see train/
  std::vector<int> labels;
  std::vector<int64_t> indices;  ///< into the samples the loader was given
  int64_t number = 0;            ///< its place in the epoch
};

struct BadImage {
  int64_t index;  ///< of the sample
  std::string error;
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
  /// What next() has to do for each: decode an image, "img", or something quicker.
  virtual const char* unit() const { return "img"; }
  virtual std::vector<BadImage> bad_images() const = 0;  ///< left out so far, by index
  virtual std::string cache_trouble() const = 0;  ///< why the cache file is not in use, or ""
};

/// Numbers 0 .. count-1 in the order of an epoch: a Fisher-Yates shuffle by (seed, epoch) for
/// training, else as they are.
std::vector<int64_t> epoch_order(int64_t count, const LoaderOptions& options, int64_t epoch);

/// The content of every batch is a function of (samples, options, epoch, batch) alone: not of the
/// number of workers, nor of what was read before. Training order is a Fisher-Yates shuffle by
/// (seed, epoch); the last batch may be smaller, and with skip_bad one with bad images is. No image
/// stands in for another. Decoded and resized images are kept in a file or in memory; what does not
/// fit is decoded again each time.
class Loader : public BatchSource {
 public:
  /// Throws Error(kUsage) for a batch size, image size or number of workers out of range, or a
  /// filter that the transform has not.
  Loader(std::vector<Sample> samples, const LoaderOptions& options);
  ~Loader() override;  ///< stops at the next image boundary; never waits for the rest of the epoch

  const std::vector<Sample>& list() const;
  const LoaderOptions& options() const;
  int64_t batches() const override;
  int64_t samples() const override;
  void start(int64_t epoch, int64_t first_batch = 0) override;
  /// Throws the error of the first bad image of the batch, and the epoch is over; with skip_bad a
  /// batch of nothing else is passed over.
  bool next(Batch& batch) override;
  double wait_seconds() const override;
  /// SHA-256 of the CRC-32s of all images' decoded and resized pixels, in the samples' order; ""
  /// unless each has been used and is in the cache file, which keeps them.
  std::string pixels_digest() const;
  int64_t decoded() const;  ///< images decoded so far; all others came from the cache
  std::vector<BadImage> bad_images() const override;
  std::string cache_trouble() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lspt
