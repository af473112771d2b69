/// Position embeddings on a square grid: another grid, and which family's fixed table they are.
#pragma once

#include "engine/tensor.h"

namespace lspt {

/// g with g * g = rows, 0 if there is none.
int64_t grid_side(int64_t rows);

/// Both with pixel centres at i + 1/2.
///   bicubic   antialiased: Keys, a = -1/2; taps widened by g / grid when shrinking; weights
///             renormalised at the border. torch's interpolate(mode='bicubic', antialias=True).
///   bilinear  two taps an axis, clamped at the border. torch's interpolate(mode='bilinear').
enum class Resample { bicubic, bilinear };

/// pos (1, prefix + g*g, D) f32 -> (1, prefix + grid*grid, D): the prefix rows unchanged, the rest
/// resized as an image with D channels. timm's resample_abs_pos_embed, which takes bilinear for
/// Google's .npz files. Throws Error(kWeights) if the rows without the prefix are no square.
Tensor resample_pos_embed(const Tensor& pos, int64_t grid, int prefix_tokens,
                          Resample how = Resample::bicubic);

/// Fixed sine-cosine tables: channels [sin, cos] of one axis, then of the other.
enum class PosTable { learned, column_first, row_first };  // any other, MAE's, MoCo v3's

/// Compares pos (1, 1 + g*g, D), g >= 2, with both tables (class row 0), to 0.01 for half-precision
/// files.
PosTable pos_table_of(const Tensor& pos);

}  // namespace lspt
