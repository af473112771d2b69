/// Gaussian error linear unit, the exact erf form that ViT weights were trained with.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = x Phi(x),  dx = dy (Phi(x) + x phi(x)), with Phi and phi the standard normal distribution
/// and density. Any shape. Keeps x; its slope is computed where it is needed, because one array
/// less through memory is worth more than the few instructions (`normal` in ops/math.h).
/// Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
Var gelu(const Var& x);

/// y may be x itself, which it then replaces.
DECLARE_KERNEL(gelu_forward, const Tensor& y, const Tensor& x);
/// dx may be dy itself, which it then replaces.
DECLARE_KERNEL(gelu_backward, const Tensor& dx, const Tensor& dy, const Tensor& x);

}  // namespace lspt
