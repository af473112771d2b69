/// Pillow's antialiased 8-bit resize, pixel for pixel.
#pragma once

#include "data/image.h"

namespace lspt {

enum class Interpolation : uint8_t { bilinear, bicubic };

/// What `PIL.Image.resize((width, height), resample)` gives, the same in every pixel.
///   per axis, n -> m:  scale = n / m,  f = max(scale, 1),  c_i = (i + 0.5) scale
///   w_ij = filter((j + 0.5 - c_i) / f), normalised over j, rounded to 22 fractional bits
///   out_i = clip((2^21 + sum_j w_ij in_j) >> 22)
/// filter: triangle, or Keys' cubic with a = -0.5. Columns first, rounded to 8 bits, then rows:
/// Pillow's order up to version 12. Version 13 takes the rows of some tall images first, which
/// moves some of their pixels by a level.
/// Throws Error(kInternal) on an empty image or a size below 1 x 1.
Image resize(const Image& image, int width, int height, Interpolation filter);

/// Short side -> `side`, the long side by torchvision's rule floor(side * long / short); an image
/// whose short side is `side` already is returned as it is. Throws Error(kData) naming `name` when
/// the result would pass kMaxPixels (an image far from square).
Image resize_short_side(Image image, int side, Interpolation filter, const std::string& name);

}  // namespace lspt
