/// Dropout whose mask is a function of its key: nothing is kept, resuming needs nothing saved.
#pragma once

#include "engine/kernel.h"
#include "engine/random.h"
#include "engine/tape.h"

namespace lspt {

/// y_i = x_i / (1 - p) if stream.uniform(i) >= p, else 0;  dx_i = dy_i / (1 - p) or 0 alike.
/// Any shape. Without a Tape alive (evaluation) or with p = 0, y is x. Keeps the stream's key; the
/// mask is drawn again in backward. Throws Error unless 0 <= p < 1.
/// Source: Srivastava et al. 2014, JMLR 15.
Var dropout(const Var& x, float p, const Random& stream);

DECLARE_KERNEL(dropout_apply, const Tensor& y, const Tensor& x, float p, const Random& stream);

}  // namespace lspt
