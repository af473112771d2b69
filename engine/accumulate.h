/// sum = beta * sum + x: how gradients gather. x and sum may differ in dtype; beta is 0 or 1.
#pragma once

#include "engine/kernel.h"

namespace lspt {

DECLARE_KERNEL(accumulate, const Tensor& sum, const Tensor& x, float beta);

}  // namespace lspt
