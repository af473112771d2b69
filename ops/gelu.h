/// Gaussian error linear unit, the exact erf form that ViT weights were trained with.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = x Phi(x),  dx = dy (Phi(x) + x phi(x)), with Phi and phi the standard normal distribution
/// and density. Any shape. Keeps the slope dy/dx: its exponential is the forward pass's own, so
/// that the backward pass is one multiplication. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
Var gelu(const Var& x);

/// slope is dy/dx in x's dtype, or empty; y or slope may be x itself, which it then replaces.
DECLARE_KERNEL(gelu_forward, const Tensor& y, const Tensor& slope, const Tensor& x);
/// dx = dy * slope.
DECLARE_KERNEL(gelu_backward, const Tensor& dx, const Tensor& dy, const Tensor& slope);

}  // namespace lspt
