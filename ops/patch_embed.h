/// Images to tokens: a convolution whose stride is its size, as one product.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// images (B, C, S, T) f32, weight (D, C, p, p), bias (D) f32 -> y (B, (S/p)(T/p), D) in `dtype`,
/// patches in row-major order of the grid.
///   y[n] = weight . patch_n + bias,  dweight = dy^T patches,  dbias = sum of dy.
/// Images get no gradient. A weight of another dtype is converted; a frozen one is packed once.
/// Keeps the patches, (B, N, C p p) in `dtype`, if the weight is trainable. Throws Error unless p
/// divides S and T and the sizes fit. Source: Dosovitskiy et al. 2020, arXiv:2010.11929.
Var patch_embed(const Tensor& images, const Var& weight, const Var& bias, DType dtype);

/// rows (B, N, C p p): pixels of a patch in the order of a flattened weight (channel, y, x).
DECLARE_KERNEL(gather_patches, const Tensor& rows, const Tensor& images, int64_t patch);

}  // namespace lspt
