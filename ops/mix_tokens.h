/// Learned mixtures of token rows: a patch mean whose weights are trained.
#pragma once

#include "engine/tape.h"

namespace lspt {

/// y[b] = w x[b, begin : end]:  x (B, N, D), w (P, end - begin) -> y (B, P, D) in x's dtype.
///   dx[b] = w^T dy[b] in those rows, 0 elsewhere;  dw = sum over b of dy[b] x[b]^T, f32.
/// w of another dtype is converted. A product an image, on either device. Keeps x and w. Throws
/// Error if the sizes do not fit.
Var mix_tokens(const Var& x, int64_t begin, int64_t end, const Var& w);

}  // namespace lspt
