/// Affine map of the last dimension, with what usually surrounds it fused in.
#pragma once

#include "engine/tape.h"

namespace lspt {

struct LinearOptions {
  Var residual = {};  ///< (..., O) in x's dtype: added to the product
  bool gelu = false;  ///< y = gelu(x W^T + b), exact erf form; not together with residual
};

/// y = x W^T + b [+ residual]   or   y = gelu(x W^T + b)
/// x (..., I), weight (O, I), bias (O) or none -> y (..., O) in x's dtype.
///   dx = dh W,  dW = dh^T x,  db = sum over rows of dh,  dresidual = dy,
///   dh = dy or, with gelu, dy * gelu'(h).
/// A weight of another dtype than x is converted (trainable f32 under bf16); dW and db are f32.
/// A frozen weight is packed once for each direction and kept with it.
/// Keeps h if gelu, x if the weight is trainable. Throws Error if the sizes do not fit.
Var linear(const Var& x, const Var& weight, const Var& bias, const LinearOptions& options = {});

/// sum[j] = beta * sum[j] + sum over rows of x[i][j]; x (..., C), sum (C) f32; fixed order.
void column_sum(const Tensor& sum, const Tensor& x, float beta);

}  // namespace lspt
