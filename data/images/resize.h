/// Pillow's antialiased 8-bit resize, pixel for pixel.
#pragma once

#include "data/images/image.h"

namespace lspt {

/// bilinear, bicubic: Pillow's. tf_bilinear: TensorFlow 1's, see resize_tf.
enum class Interpolation : uint8_t { bilinear, bicubic, tf_bilinear };

/// What `PIL.Image.resize((width, height), resample)` gives, the same in every pixel.
///   per axis, n -> m:  scale = n / m,  f = max(scale, 1),  c_i = (i + 0.5) scale
///   w_ij = filter((j + 0.5 - c_i) / f), normalised over j, rounded to 22 fractional bits
///   out_i = clip((2^21 + sum_j w_ij in_j) >> 22)
/// filter: triangle, or Keys' cubic with a = -0.5. Columns first, rounded to 8 bits, then rows:
/// Pillow's order up to version 12. Version 13 takes the rows first where they shrink much more
/// than the columns (its change 9549), which moves some pixels of such images by a level. Throws
/// Error(kInternal) on an empty image, a size below 1 x 1, or tf_bilinear.
Image resize(const Image& image, int width, int height, Interpolation filter);

/// A part of that, at its cost. Throws Error(kInternal) if `image` does not hold what it reads.
Image resize(const ImagePart& image, const Size& size, Interpolation filter, const Window& part);
/// A rectangle that holds what this reads of an image of that size.
Window read_by_resize(const Size& image, const Size& size, Interpolation filter,
                      const Window& part);

/// What `tf.compat.v1.image.resize` gives (VPT's pipeline for VTAB): not antialiased, corners not
/// centred, floats that are not rounded; out (height, width, 3).
///   per axis, n -> m:  x = i (n / m),  j = floor(x),  t = x - j
///   out_i = in_j + (in_min(j+1, n-1) - in_j) t,  columns first; all in float32
/// (*Inferred* from TensorFlow's source; no TensorFlow was at hand to compare with.)
std::vector<float> resize_tf(const ImageView& image, int width, int height);

/// How decoded images become those that are kept and cropped.
struct ResizeRule {
  enum class Shape : uint8_t {
    short_side,  ///< short side -> side, the long one by torchvision's rule floor(side long /
                 ///< short)
    at_most,     ///< the same for an image whose short side is longer; others stay as they are
    exact,       ///< side x side, whatever shape the image has
    as_decoded   ///< not at all: resize_tf comes later, since it gives floats
  };
  Shape shape = Shape::short_side;
  int side = 256;
  Interpolation filter = Interpolation::bilinear;

  /// What the image's size becomes. Throws Error(kData) naming `name` when that would pass
  /// kMaxPixels (an image far from square).
  Size size_of(const Size& image, const std::string& name) const;
};
/// An image that has its size already is returned as it is.
Image resize(Image image, const ResizeRule& rule, const std::string& name);
/// "short256-bilinear", "exact224-bicubic", "decoded".
std::string text_of(const ResizeRule& rule);

}  // namespace lspt
