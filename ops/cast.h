/// The same value in another element type.
#pragma once

#include "engine/tape.h"

namespace lspt {

/// x (...) -> y (...) in `dtype`; x itself if it has it already. A node is where a gradient
/// gathers, not a value, and dy/dx is the identity: y therefore shares x's node, nothing is
/// recorded, and what arrives for y is added to x's gradient in the dtype that one has. A trainable
/// f32 parameter used in bf16 so gets an f32 gradient that was never rounded in between.
inline Var cast(const Var& x, DType dtype) { return Var(to_dtype(x.value, dtype), x.node); }

}  // namespace lspt
