/// Gaussian error linear unit, the exact erf form that ViT weights were trained with.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = x Phi(x),  dx = dy (Phi(x) + x phi(x)), with Phi and phi the standard normal distribution
/// and density. Any shape. Keeps x. Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
Var gelu(const Var& x);

DECLARE_KERNEL(gelu_forward, const Tensor& y, const Tensor& x);
DECLARE_KERNEL(gelu_backward, const Tensor& dx, const Tensor& dy, const Tensor& x);

}  // namespace lspt
