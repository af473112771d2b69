/// Rows of token sequences (B, N, D): taken out, put in, repeated for a batch.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// x (B, N, D) -> y (B, end - begin, D), rows [begin, end) of every image. dx is dy in those rows
/// and 0 elsewhere. Keeps nothing. Throws Error unless 0 <= begin <= end <= N.
Var slice_tokens(const Var& x, int64_t begin, int64_t end);

/// Prompt insertion (remove = 0), replacement (remove = P) and removal (no rows):
///   y = [x rows [0, at)], rows, [x rows [at + remove, N)]
/// x (B, N, D), rows (P, D) for every image or (B, P, D), of x's dtype, or none
/// -> y (B, N - remove + P, D).
/// dx is 0 in the removed rows; drows is dy in the inserted rows, summed over the batch (f32, in
/// order) if shared. Keeps nothing. Throws Error if the sizes do not fit.
/// A replacement by as many rows writes them alone where nobody else holds x's memory (pass it by
/// std::move), and backward clears them alone in dy's.
Var splice(Var x, int64_t at, int64_t remove, const Var& rows);

/// x (P, D) -> y (batch, P, D); dx is dy summed over the batch in f32, in order. Keeps nothing.
Var expand(const Var& x, int64_t batch);

/// w (R, ...) -> its entries [begin, end), sharing w's memory; dw is dy in those entries and 0
/// elsewhere. A constant gives a constant. Throws Error unless 0 <= begin <= end <= R.
Var slice_rows(const Var& w, int64_t begin, int64_t end);

/// Rows to_at.. of each image of `to` (B, N, D) = beta * themselves + rows from_at.. of the same
/// image of `from` (B, M, D), or of `from` (M, D) for every image, or zeros if `from` is empty;
/// `count` rows. beta is 0 or 1, the dtypes may differ.
DECLARE_KERNEL(copy_tokens, const Tensor& to, int64_t to_at, float beta, const Tensor& from,
               int64_t from_at, int64_t count);
/// Columns to_at.. of `to` (M, ...) = beta * themselves + columns from_at.. of `from` (M, ...);
/// `count` columns, beta 0 or 1, any dtypes.
DECLARE_KERNEL(copy_columns, const Tensor& to, int64_t to_at, float beta, const Tensor& from,
               int64_t from_at, int64_t count);

}  // namespace lspt
