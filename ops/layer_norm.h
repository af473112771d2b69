/// Layer normalization over the last dimension.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

///   y = (x - mean(x)) * rstd * weight + bias,   rstd = 1 / sqrt(var(x) + eps)
/// x (..., C), weight (C) f32 or none (= 1), bias (C) f32 or none (= 0) -> y (..., C) in x's dtype.
/// var is the biased variance, of the deviations from the mean (two passes).
/// With g = dy * weight and n = (x - mean) * rstd:
///   dx = rstd (g - mean(g) - n mean(g n)),  dweight = sum of dy n,  dbias = sum of dy.
/// Keeps x, mean, rstd. Throws Error if weight or bias is not (C).
/// Source: Ba, Kiros, Hinton 2016, arXiv:1607.06450.
Var layer_norm(const Var& x, const Var& weight, const Var& bias, float eps = 1e-6f);

/// statistics (rows, 2) f32: mean and rstd of each row.
DECLARE_KERNEL(layer_norm_forward, const Tensor& y, const Tensor& statistics, const Tensor& x,
               const Tensor& weight, const Tensor& bias, float eps);
/// dx = beta * dx + the above.
DECLARE_KERNEL(layer_norm_backward, const Tensor& dx, float beta, const Tensor& dy, const Tensor& x,
               const Tensor& weight, const Tensor& statistics);
/// Both (C) f32, overwritten.
DECLARE_KERNEL(layer_norm_affine_backward, const Tensor& dweight, const Tensor& dbias,
               const Tensor& dy, const Tensor& x, const Tensor& statistics);

}  // namespace lspt
