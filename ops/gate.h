/// GaPT's learnable mixture of what a block made of the prompts and what they were before it.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = g p_out + (1 - g) p_in,  g = sigmoid(logits[index])
/// p_in and p_out of one shape and dtype, logits (L) f32 -> y of that shape.
///   dp_out = g dy,  dp_in = (1 - g) dy,  dlogits[index] = g (1 - g) sum of dy (p_out - p_in)
/// Keeps p_in and p_out if logits is trainable. Throws Error if the sizes do not fit.
/// Source: Yoo et al. 2023, arXiv:2306.05067.
Var gate(const Var& p_in, const Var& p_out, const Var& logits, int64_t index);

DECLARE_KERNEL(gate_forward, const Tensor& y, const Tensor& p_in, const Tensor& p_out,
               const Tensor& logits, int64_t index);
/// dx = g dy, or (1 - g) dy if not `out`.
DECLARE_KERNEL(gate_backward, const Tensor& dx, const Tensor& dy, const Tensor& logits,
               int64_t index, bool out);
/// dlogits[index] += the above.
DECLARE_KERNEL(gate_logit_backward, const Tensor& dlogits, const Tensor& dy, const Tensor& p_in,
               const Tensor& p_out, const Tensor& logits, int64_t index);

}  // namespace lspt
