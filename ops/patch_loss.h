/// The masked autoencoder's loss: mean squared error on the pixels of masked patches.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// prediction (B, M, p p C): of the last M patches of each image's order (masked_tokens.h);
/// images (B, C, S, T) f32, order (B, N) f32 -> (1) f32:
///   loss = mean over all elements of (prediction - t)^2,  dprediction = 2 (prediction - t) / count
/// t are the patch's pixels in the order (y, x, channel) or, with `normalize`,
///   (t - mean) / sqrt(var + 1e-6), mean and unbiased variance of the patch's p p C values.
/// Keeps prediction - t, f32. Throws Error if the sizes do not fit.
/// Source: He et al. 2022, arXiv:2111.06377.
Var patch_loss(const Var& prediction, const Tensor& images, const Tensor& order, int64_t patch,
               bool normalize);

/// errors (B, M, p p C) f32 = prediction - t, loss (1) f32 = mean of their squares.
DECLARE_KERNEL(patch_loss_forward, const Tensor& loss, const Tensor& errors,
               const Tensor& prediction, const Tensor& images, const Tensor& order, int64_t patch,
               bool normalize);
/// dprediction = 2 dloss errors / count.
DECLARE_KERNEL(patch_loss_backward, const Tensor& dprediction, const Tensor& dloss,
               const Tensor& errors);

/// What is added to a patch's variance.
inline constexpr float kPatchVariance = 1e-6f;

}  // namespace lspt
