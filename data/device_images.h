/// Decoded images in the GPU's memory, and batches made from them there.
#pragma once

#include <memory>
#include <vector>

#include "data/augment.h"
#include "engine/tensor.h"

namespace lspt {

/// Keeps the 8-bit pixels of the images that it is given until its share of the GPU's memory is
/// full: those are needed on the host only once. The others are copied for each batch. Copies go
/// through page-locked buffers on a stream of their own, while the GPU still works on the step
/// before.
class DeviceImages {
 public:
  struct Item {
    int64_t index;    ///< of the sample
    ImageView image;  ///< its pixels may be missing if the sample is resident
    Crop crop;
  };

  virtual ~DeviceImages() = default;
  virtual bool resident(int64_t index) const = 0;
  /// (B, 3, size, size) f32 on the GPU: the items' crops, mirrored and normalised, to the bit what
  /// Normalizer::write makes on the host. Images may be let go afterwards. Throws
  /// Error(kInternal) if a crop leaves its image.
  virtual Tensor batch(const std::vector<Item>& items, int size) = 0;
};

namespace cuda {
/// For `samples` images, of which up to `bytes` stay in the GPU's memory.
std::unique_ptr<DeviceImages> device_images(int64_t samples, size_t bytes,
                                            const Normalization& constants);
}  // namespace cuda

}  // namespace lspt
