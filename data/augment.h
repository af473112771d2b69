/// From a resized image to the tensor the network sees: crop, flip, normalise.
#pragma once

#include <array>
#include <vector>

#include "data/images/resize.h"
#include "engine/random.h"

namespace lspt {

/// Per-channel constants of (x / 255 - mean) / std.
struct Normalization {
  std::array<float, 3> mean, std;
  bool operator==(const Normalization&) const = default;
};
inline constexpr Normalization kImageNet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
inline constexpr Normalization kHalf{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};  ///< augreg, in21k

/// A square window of the image, mirrored left to right if `flip`.
struct Crop {
  int top = 0;
  int left = 0;
  bool flip = false;
};

/// Of an image of that size. Uniform over all positions, flipped with probability 0.5. Draws 0, 1,
/// 2 of the stream (seed, epoch, sample, Purpose::augment) are top, left, flip.
Crop random_crop(const Size& image, int size, const Random& random);

/// A window of an image, of any shape, that becomes a square of the network's size.
struct ResizedCrop {
  Window window;
  bool flip = false;
};

/// torchvision's RandomResizedCrop with scale (0.2, 1) and ratio (3/4, 4/3), and a flip, as MAE
/// trains. Attempt t of ten, from draws 4t .. 4t + 3 of the stream (seed, epoch, sample,
/// Purpose::augment): area = uniform share of the image's, width / height = exp(uniform), then top
/// and left, if it fits. Else the centre, as much of it as the ratios allow. Draw 40 is the flip.
ResizedCrop random_resized_crop(const Size& image, const Random& random);

/// Where the centre is, by torchvision's release: since 0.9 round((extent - size) / 2), halves to
/// even; up to 0.8, which the code of VPT and GaPT pins, floor((extent - size + 1) / 2). They
/// differ by a pixel where extent - size leaves 1 modulo 4.
enum class CropRule : uint8_t { torchvision_0_9, torchvision_0_8 };
Crop center_crop(const Size& image, int size, CropRule rule = CropRule::torchvision_0_9);

/// (x / 255 - mean) / std in float32 divisions, which are ToTensor and Normalize to the bit.
class Normalizer {
 public:
  explicit Normalizer(const Normalization& constants) : constants_(constants) {}
  /// The crop of `image` -> `out` (3, size, size). Throws Error(kInternal) if it leaves the image.
  void write(const ImageView& image, const Crop& crop, int size, float* out) const;
  /// (size, size, 3) values 0 .. 255 -> `out` (3, size, size).
  void write(const std::vector<float>& values, int size, float* out) const;

 private:
  Normalization constants_;
};

}  // namespace lspt
