/// From a sample's file to its pixels in a batch: decode, resize, keep, crop, mirror, normalise.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "data/augment.h"
#include "data/device_images.h"
#include "data/loader.h"
#include "data/pixel_cache.h"

namespace lspt {

/// What a Loader does with one image. Different samples may be made by different threads at once.
class ImagePipeline {
 public:
  ImagePipeline(const std::vector<Sample>& samples, const LoaderOptions& options);

  /// Whether batches are cropped, mirrored and normalised on the GPU.
  bool on_gpu() const { return gpu_ != nullptr; }

  /// What the GPU makes its part of a batch from.
  struct Part {
    Crop crop;
    Image fresh;  ///< pixels that neither the GPU nor the cache has
  };
  /// The sample's image of an epoch: into `out` (3, S, S), or where on_gpu() as the part returned.
  /// Throws Error(kData).
  Part make(int64_t index, uint32_t epoch, float* out);
  /// Parts of those samples -> (B, 3, S, S) on the GPU. What stays there the host lets go.
  Tensor batch_on_gpu(const std::vector<int64_t>& indices, const std::vector<Part>& parts);

  int64_t decoded() const { return decoded_; }
  std::string pixels_digest() const;
  std::string cache_trouble() const { return cache_.trouble(); }

 private:
  ImageView resized(int64_t index, Image& fresh);
  /// Transform::mae's part of a kept image.
  void write_resized(int64_t index, uint32_t epoch, const ImageView& image, float* out) const;
  Crop crop_of(int64_t index, uint32_t epoch, const Size& image) const;

  const std::vector<Sample>& samples_;
  const LoaderOptions& options_;
  const ResizeRule rule_;
  const Normalizer normalizer_;
  PixelCache cache_;
  const bool direct_;                  // nothing is kept: of each image only the crop is made
  std::vector<ImageView> kept_;        // what the cache is known to have of each sample
  std::unique_ptr<DeviceImages> gpu_;  // keeps pixels too
  std::atomic<int64_t> decoded_ = 0;
};

}  // namespace lspt
