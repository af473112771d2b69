/// One step of a long short-term memory: LSPT's recurrence from block to block.
#pragma once

#include <utility>

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

///   a  = s w_ih^T + b_ih + h w_hh^T + b_hh         gates in PyTorch's order i, f, g, o
///   i = sigmoid(a_i)  f = sigmoid(a_f)  g = tanh(a_g)  o = sigmoid(a_o)
///   c' = f c + i g     h' = o tanh(c')
/// s (M, D), h (M, H), w_ih (4H, D), w_hh (4H, H) of one dtype; c (M, H), b_ih (4H), b_hh (4H) f32;
/// h and c may be none (zeros, the first step) -> {h', c'}, h' (M, H) in s's dtype, c' (M, H) f32.
/// Backward, with dC = dc' + dh' o (1 - tanh^2 c'):
///   da_i = dC g i (1 - i)   da_f = dC c f (1 - f)   da_g = dC i (1 - g^2)
///   da_o = dh' tanh(c') o (1 - o)
///   ds = da w_ih   dh = da w_hh   dc = dC f   dw_ih = da^T s   dw_hh = da^T h
///   db_ih = db_hh = sum of da
/// Keeps s, h, c, c' and the four gates (s's dtype). Both weights are packed once and the packs
/// kept with their memory, for all the steps they serve: whoever changes trainable values in place
/// says so by Tensor::changed(). Throws Error if the sizes do not fit.
/// Source: Hochreiter, Schmidhuber 1997, with the forget gate of Gers et al. 2000. That LSPT steps
/// it along the blocks is *inferred* (Mo et al. 2024, arXiv:2402.17406).
std::pair<Var, Var> lstm_cell(const Var& s, const Var& h, const Var& c, const Var& w_ih,
                              const Var& w_hh, const Var& b_ih, const Var& b_hh);

/// h, c and gates (M, 4H) from a (M, 4H) f32 without its biases; `previous` c may be empty, gates
/// may be a itself.
DECLARE_KERNEL(lstm_forward, const Tensor& h, const Tensor& c, const Tensor& gates, const Tensor& a,
               const Tensor& b_ih, const Tensor& b_hh, const Tensor& previous);
/// da (M, 4H) and dprevious (M, H) f32 from the gradients of h and c. dprevious, dh, dc and
/// previous may be empty.
DECLARE_KERNEL(lstm_backward, const Tensor& da, const Tensor& dprevious, const Tensor& dh,
               const Tensor& dc, const Tensor& gates, const Tensor& c, const Tensor& previous);

}  // namespace lspt
