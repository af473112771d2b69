/// Sums down columns in an order that depends on the sizes alone: what bias gradients, broadcast
/// gradients and token means have in common.
#pragma once

#include "engine/kernel.h"

namespace lspt {

/// How to walk x, in elements: row r of group g begins at offset + g * group_stride +
/// r * row_stride.
struct Rows {
  int64_t groups = 1, group_stride = 0, rows = 0, row_stride = 0, offset = 0;
};

/// sum[g][j] = beta * sum[g][j] + scale * (sum over r of x's row r of group g, element j), in f32;
/// sum (groups, width) in any dtype. `op` names it for error messages and the profile.
DECLARE_KERNEL(sum_rows, const Tensor& sum, float beta, float scale, const Tensor& x,
               const Rows& rows, const char* op = "sum_rows");

}  // namespace lspt
