/// A narrow or scaled part added to a wide value: what low-rank updates and adapters add to what a
/// frozen layer gives.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// y = x, of which columns [at, at + W) have scale * part added. x (..., D), part (..., W) with the
/// same rows and dtype. dx = dy,  dpart = scale * dy's columns. Keeps nothing. x's own memory
/// becomes y where nobody else holds it (pass it by std::move). Throws Error if the sizes do not
/// fit.
Var add_columns(Var x, const Var& part, int64_t at, float scale);

/// Columns [at, at + W) of y (M, D) += scale * part (M, W).
DECLARE_KERNEL(add_columns_forward, const Tensor& y, const Tensor& part, int64_t at, float scale);
/// dpart (M, W) = scale * columns [at, at + W) of dy (M, D).
DECLARE_KERNEL(add_columns_backward, const Tensor& dpart, const Tensor& dy, int64_t at,
               float scale);

}  // namespace lspt
