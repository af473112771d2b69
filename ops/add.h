/// Sum of two tensors, and the three broadcasts that a ViT with prompts has.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = x + r, dx = dy, dr = dy summed over what r was repeated for, in f32 and in a fixed order.
/// x and r of one dtype; r is of x's shape or, for x (B, N, D),
///   (D)        one row for all tokens,
///   (N, D)     the same rows for every image (position embedding, shared prompts),
///   (B, 1, D)  one row for all tokens of an image (LSPT's mean patch token).
/// Keeps nothing. Throws Error for any other shape.
Var add(const Var& x, const Var& r);

/// y = x + r with x seen as (G, repeats, W) and r as (G, W).
DECLARE_KERNEL(add_forward, const Tensor& y, const Tensor& x, const Tensor& r, int64_t groups);

}  // namespace lspt
