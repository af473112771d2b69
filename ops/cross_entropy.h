/// Softmax cross-entropy on target probabilities.
#pragma once

#include <vector>

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

/// loss = - (1 / B) sum over b, k of targets[b][k] log softmax(logits[b])[k], in f32.
/// logits (B, K), targets (B, K) f32 whose rows sum to 1, on any device -> loss (1) f32.
///   dlogits = dloss (softmax(logits) - targets) / B
/// Keeps logits, targets and each row's log sum exp. Throws Error if the sizes do not fit.
Var cross_entropy(const Var& logits, const Tensor& targets);

/// targets (B, K) f32 from class labels in [0, K): 1 - smoothing at the label, plus smoothing / K
/// everywhere. Throws Error(kData) for a label out of range.
Tensor one_hot(const std::vector<int64_t>& labels, int64_t classes, float smoothing = 0.0f);

/// loss (1) and log_sum (B), both f32.
DECLARE_KERNEL(cross_entropy_forward, const Tensor& loss, const Tensor& log_sum,
               const Tensor& logits, const Tensor& targets);
DECLARE_KERNEL(cross_entropy_backward, const Tensor& dlogits, const Tensor& dloss,
               const Tensor& log_sum, const Tensor& logits, const Tensor& targets);

}  // namespace lspt
