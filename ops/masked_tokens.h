/// What a masked autoencoder does with token rows: takes some by number, and puts them back among
/// mask tokens. An `order` (B, N) f32 holds for each image the numbers 0 .. N-1 of its patches,
/// each once: those in front are visible, the others masked. He et al. 2022, arXiv:2111.06377.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// x (B, R, D), order (B, N) -> y (B, end - begin, D): y[b][i] = x[b][first + order[b][begin + i]].
/// dx is dy in those rows and 0 elsewhere. Keeps the order. Throws Error if the sizes do not fit,
/// and on the CPU for a number that is no row of x.
Var gather_tokens(const Var& x, int64_t first, const Tensor& order, int64_t begin, int64_t end);

/// The decoder's input. x (B, 1 + K, D): the class row and the first K rows of the order;
/// mask_token (D) f32, positions (1 + N, D) f32 constant, order (B, N) -> y (B, 1 + N, D) in x's
/// dtype:
///   y[b][0] = x[b][0] + positions[0],
///   y[b][n] = (i < K ? x[b][1 + i] : mask_token) + positions[n],   n = 1 + order[b][i].
/// dx is dy in the rows that x came to; dmask_token the sum of dy in all others, f32, in order:
/// image by image, then over the images. Keeps the order. Throws as above.
Var restore_tokens(const Var& x, const Var& mask_token, const Tensor& order,
                   const Tensor& positions);

/// y[b][i] = beta * y[b][i] + x[b][row], row = first + order[b][begin + i]; beta is 0 or 1, the
/// dtypes may differ. With `fixed` rows of y, and of x, come before those and stay in place.
DECLARE_KERNEL(gather_rows, const Tensor& y, float beta, const Tensor& x, int64_t fixed,
               int64_t first, const Tensor& order, int64_t begin);
/// y[b][first + order[b][begin + i]] += x[b][i] for every row i of x.
DECLARE_KERNEL(scatter_rows, const Tensor& y, const Tensor& x, int64_t first, const Tensor& order,
               int64_t begin);
DECLARE_KERNEL(restore_forward, const Tensor& y, const Tensor& x, const Tensor& mask_token,
               const Tensor& order, const Tensor& positions);
/// sum (B, D) f32 = sum over i >= begin of x[b][1 + order[b][i]].
DECLARE_KERNEL(sum_masked, const Tensor& sum, const Tensor& x, const Tensor& order, int64_t begin);

}  // namespace lspt
