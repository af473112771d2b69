/// From a resized image to the tensor the network sees: crop, flip, normalise.
#pragma once

#include <array>

#include "data/image.h"
#include "engine/random.h"

namespace lspt {

/// Per-channel constants of (x / 255 - mean) / std.
struct Normalization {
  std::array<float, 3> mean, std;
};
inline constexpr Normalization kImageNet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
inline constexpr Normalization kHalf{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};  ///< augreg, in21k

/// Short side before a crop of `size`: floor(size * 256 / 224), VPT's 224 -> 256, 384 -> 438,
/// 448 -> 512.
constexpr int resize_side(int size) { return size * 8 / 7; }

/// A square window of the image, mirrored left to right if `flip`.
struct Crop {
  int top = 0;
  int left = 0;
  bool flip = false;
};

/// Uniform over all positions, flipped with probability 0.5. Draws 0, 1, 2 of the stream (seed,
/// epoch, sample, Purpose::augment) are top, left, flip.
Crop random_crop(const Image& image, int size, const Random& random);

/// Offset round((extent - size) / 2), halves to even: torchvision 0.9 and later (0.8 and earlier
/// are one pixel off when extent - size leaves 1 modulo 4).
Crop center_crop(const Image& image, int size);

/// (x / 255 - mean) / std in float32 divisions, which are ToTensor and Normalize to the bit; one
/// table of the 256 byte values per channel.
class Normalizer {
 public:
  explicit Normalizer(const Normalization& constants);
  /// The crop of `image` -> `out` (3, size, size). Throws Error(kInternal) if it leaves the image.
  void write(const Image& image, const Crop& crop, int size, float* out) const;

 private:
  std::array<std::array<float, 256>, 3> table_;
};

}  // namespace lspt
