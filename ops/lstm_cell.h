/// Long short-term memory: LSPT's recurrence from block to block.
#pragma once

#include <memory>
#include <utility>

#include "engine/kernel.h"
#include "engine/tape.h"
#include "ops/lstm_input.h"

namespace lspt {

/// What the steps of one pass share, made by lstm_weights.
struct LstmSteps;
struct LstmWeights {
  Tensor w_ih, w, bias;
  std::shared_ptr<LstmSteps> steps;  ///< if a weight is trainable and a tape is alive
};

/// The weights as steps use them: w = [w_ih | w_hh], so that a step is one product, and
/// bias = b_ih + b_hh. w_ih (4H, D), w_hh (4H, H) of one dtype; b_ih, b_hh (4H) f32; at most
/// `steps` steps follow. Backward, after that of all steps: with the rows of all steps one below
/// the other,
///   [dw_ih | dw_hh] = da^T [s | h],   db_ih = db_hh = sum of da
/// is one product as well. Keeps [s | h] and da of every step if a weight is trainable. Both
/// directions' packs of w are kept with its memory, which lives for one pass. Throws Error if the
/// sizes do not fit.
LstmWeights lstm_weights(const Var& w_ih, const Var& w_hh, const Var& b_ih, const Var& b_hh,
                         int64_t steps);

/// One step.
///   a  = s w_ih^T + b_ih + h w_hh^T + b_hh         gates in PyTorch's order i, f, g, o
///   i = sigmoid(a_i)  f = sigmoid(a_f)  g = tanh(a_g)  o = sigmoid(a_o)
///   c' = f c + i g     h' = o tanh(c')
/// s (M, D), M = B (end - begin), h (M, H) in the weights' dtype, c (M, H) f32; h and c may be none
/// (zeros, the first step) -> {h', c'}, h' (M, H) in s's dtype, c' (M, H) f32. M is the same in
/// every step.
/// Backward, with dC = dc' + dh' o (1 - tanh^2 c'):
///   da_i = dC g i (1 - i)   da_f = dC c f (1 - f)   da_g = dC i (1 - g^2)
///   da_o = dh' tanh(c') o (1 - o)
///   [ds | dh] = da w   dc = dC f
/// Keeps c, c' and the four gates (s's dtype). Throws Error if the sizes do not fit.
/// Source: Hochreiter, Schmidhuber 1997, with the forget gate of Gers et al. 2000. That LSPT steps
/// it along the blocks is *inferred* (Mo et al. 2024, arXiv:2402.17406).
std::pair<Var, Var> lstm_cell(const LstmInput& s, const Var& h, const Var& c,
                              const LstmWeights& weights);

/// h, c and gates (M, 4H) from a (M, 4H) f32 without its bias (4H); `previous` c may be empty,
/// gates may be a itself.
DECLARE_KERNEL(lstm_forward, const Tensor& h, const Tensor& c, const Tensor& gates, const Tensor& a,
               const Tensor& bias, const Tensor& previous);
/// da (M, 4H) and dprevious (M, H) f32 from the gradients of h and c. dprevious, dh, dc and
/// previous may be empty.
DECLARE_KERNEL(lstm_backward, const Tensor& da, const Tensor& dprevious, const Tensor& dh,
               const Tensor& dc, const Tensor& gates, const Tensor& c, const Tensor& previous);

}  // namespace lspt
