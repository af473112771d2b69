/// How gradients gather, and with beta = 0 how values change their dtype.
#pragma once

#include "engine/kernel.h"

namespace lspt {

/// sum = beta * sum + x: x and sum of one numel on one device; they may differ in dtype; beta is 0
/// or 1.
DECLARE_KERNEL(accumulate, const Tensor& sum, const Tensor& x, float beta);

/// Every element of x = value.
DECLARE_KERNEL(set_all, const Tensor& x, float value);

}  // namespace lspt
