/// A few values of a backbone, to tell whether two files hold the same weights in other precisions.
#pragma once

#include "models/parameter.h"

namespace lspt {

/// (tensors, 9) f32, in the order of the names: eight evenly spread values of each tensor, and its
/// root mean square.
Tensor sketch_of(const NamedTensors& backbone);

/// Whether every value of b is a's up to rounding to bf16, once for the weight and once for a layer
/// scale folded into it: |a - b| <= 2^-7 max(|a|, rms of the tensor). Training changes all of a
/// tensor, so that of ViT-S's 1,200 values some are then further off.
bool sketches_agree(const Tensor& a, const Tensor& b);

}  // namespace lspt
