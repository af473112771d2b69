/// What an LSTM's step reads, gathered from where it lies into one matrix, and its gradients given
/// back.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// s of a step: rows [begin, end) of every image of x (B, N, D), plus the image's row of `mean`
/// (B, 1, D) if there is one (LSPT: prompts and the mean patch token), or a matrix as it is.
struct LstmInput {
  LstmInput(const Var& s) : x(s), end(s.dim(0)) {}  // NOLINT: a matrix is an input
  LstmInput(const Var& tokens, int64_t first, int64_t last, const Var& added = {})
      : x(tokens), begin(first), end(last), mean(added) {}
  Var x;
  int64_t begin = 0, end;
  Var mean = {};
  int64_t images() const { return x.value.rank() == 3 ? x.dim(0) : 1; }
};

/// to (M, D + H) = [s | h]: rows begin.. of each image of x (B, N, D) plus mean (B, 1, D), beside h
/// (M, H); mean and h (then to is (M, D)) may be empty. One dtype.
DECLARE_KERNEL(lstm_input, const Tensor& to, const Tensor& x, int64_t begin, const Tensor& mean,
               const Tensor& h);
/// Its gradients from those of `to`, (M, D + H): added to rows begin.. of each image of dx
/// (B, N, D), written to dh (beta 0) or added (beta 1); either may be empty.
DECLARE_KERNEL(lstm_input_backward, const Tensor& dx, int64_t begin, const Tensor& dh, float beta,
               const Tensor& dto);

}  // namespace lspt
