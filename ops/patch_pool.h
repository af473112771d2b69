/// Mean of token rows: LSPT's patch-token pooling, and mean pooling before a head.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = mean over n in [begin, end) of x[:, n, :].  x (B, N, D) -> y (B, D) in x's dtype, f32 sums.
///   dx = dy / (end - begin) in those rows, 0 elsewhere.
/// Keeps nothing. Throws Error unless 0 <= begin < end <= N.
/// Source: the average patch embedding of LSPT, Mo et al. 2024, arXiv:2402.17406 (that it is the
/// plain mean of the block's output patch rows is *inferred* from the paper's reviews).
Var patch_pool(const Var& x, int64_t begin, int64_t end);

/// dx = beta * dx + the above; the forward is sum_rows.
DECLARE_KERNEL(patch_pool_backward, const Tensor& dx, float beta, const Tensor& dy, int64_t begin,
               int64_t end);

}  // namespace lspt
