/// Rectified linear unit, of adapters and of heads with hidden layers.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = max(x, 0),  dx = dy where y > 0, else 0. Any shape. Keeps y. NaN stays NaN.
Var relu(const Var& x);

DECLARE_KERNEL(relu_forward, const Tensor& y, const Tensor& x);
/// dx may be dy itself, which it then replaces.
DECLARE_KERNEL(relu_backward, const Tensor& dx, const Tensor& dy, const Tensor& y);

}  // namespace lspt
