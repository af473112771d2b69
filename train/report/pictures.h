/// Photos as the network sees them, and what it looks at over them.
#pragma once

#include "data/augment.h"
#include "engine/tensor.h"

namespace lspt {

/// Image `index` of images (B, 3, S, S), f32 on the host, as 8-bit RGB: (x std + mean) 255, rounded
/// and clipped.
Image picture_of(const Tensor& images, int64_t index, const Normalization& constants);

/// The picture made `side` pixels wide and high.
Image scaled(const Image& picture, int side);

/// The picture in gray, dimmed, with the weights of its grid x grid patches (row by row from the
/// top) over it in colour: dark violet for 0 through orange to light yellow for the largest, a
/// patch a square. `side` pixels wide and high.
Image heat_over(const Image& picture, const float* weights, int grid, int side);

}  // namespace lspt
