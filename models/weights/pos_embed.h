/// Position embeddings on a square grid: another grid, and which family's fixed table they are.
#pragma once

#include <string>

#include "engine/tensor.h"

namespace lspt {

/// g with g * g = rows, 0 if there is none.
int64_t grid_side(int64_t rows);

/// How a table of g x g becomes one of grid x grid; families differ, and their tokens with them (5
/// % at 16 x 16 from 37 x 37). Output i of an axis looks at s (i + 1/2) - 1/2 of the input, where
/// s = g / grid.
///   antialiased  Keys' cubic, a = -1/2; taps widened by s when shrinking; weights renormalised at
///                the border. torch's interpolate(mode='bicubic', antialias=True); timm
///   bicubic      Keys' cubic, a = -3/4, four taps, clamped at the border, also when shrinking:
///                torch's interpolate(mode='bicubic'); MAE's fine-tuning code and Hugging Face
///   offset       the same with s = g / (grid + 0.1): the scale factor that the code of DINO and
///                DINOv2 passes to torch
///   bilinear     two taps, clamped at the border. torch's interpolate(mode='bilinear'); timm for
///                Google's .npz files
enum class Resample { antialiased, bicubic, offset, bilinear };
const char* name_of(Resample how);
/// Throws Error(kUsage) for another word than name_of gives.
Resample resample_of(const std::string& name);

/// pos (1, prefix + g*g, D) f32 -> (1, prefix + grid*grid, D): the prefix rows unchanged, the rest
/// resized as an image with D channels. Throws Error(kWeights) if the rows without the prefix are
/// no square.
Tensor resample_pos_embed(const Tensor& pos, int64_t grid, int prefix_tokens, Resample how);

/// Fixed sine-cosine tables: channels [sin, cos] of one axis, then of the other.
enum class PosTable { learned, column_first, row_first };  // any other, MAE's, MoCo v3's

/// Compares pos (1, 1 + g*g, D), g >= 2, with both tables (class row 0), to 0.01 for half-precision
/// files.
PosTable pos_table_of(const Tensor& pos);

}  // namespace lspt
