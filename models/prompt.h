/// Every prompt-tuning method as one recurrence over the blocks with switches.
///
/// Notation: U^l prompt rows entering block l, Z_P^l prompt rows leaving it, m^l the mean of the
/// patch rows, P^l learnable prompts, A a projection if the LSTM is narrower than the model.
///   S^l      = Z_P^l + m^l                        if gspc, else Z_P^l
///   H^l, C^l = LSTM(S^l; H^{l-1}, C^{l-1})        one step per block
///   U^{l+1}  = [P^l if new_prompts is every] + carried
///   carried  = A(H^l) | S^l | g S^l + (1 - g) U^l | nothing     for carry = lstm | out | gate |
///   none
///
/// VPT: Jia et al. 2022; GaPT: Yoo et al. 2023, arXiv:2306.05067. LSPT: Mo et al. 2024,
/// arXiv:2402.17406; the internals of its recurrence are *inferred* (the text was not available):
/// the LSTM's time axis is the block index, its input the output prompts plus the mean patch token.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/random.h"
#include "models/probe.h"
#include "models/vit.h"
#include "ops/lstm_cell.h"

namespace lspt {

enum class NewPrompts { every, first };
enum class Carry { lstm, out, gate, none };

struct PromptConfig {
  int prompts = 0;  ///< P; 0 = no prompts
  int rank = 0;     ///< R > 0: P^l = A^l B^l of A (P, R) and B (R, D), as in BPT; 0: P^l itself
  /// `--prompt-location key-value`: P^l (P, 2 D) are keys beside values of block l's attention, as
  /// in prefix tuning (Li and Liang 2021, arXiv:2101.00190), not rows that its norm and matrices
  /// make them of. For carry none and new_prompts every.
  bool key_value = false;
  NewPrompts new_prompts = NewPrompts::every;
  Carry carry = Carry::lstm;
  bool gspc = true;
  /// `--patch-pool linear`: m^l + w^l Z^l in the place of m^l, a mixture of patch rows for each
  /// prompt, w (P, patches) from zero on (VAPT's token-wise projector, without its bottleneck).
  bool mixtures = false;
  float dropout = 0.0f;    ///< on learnable prompts, in training only
  bool attn_temp = false;  ///< GaPT: one learnable softmax temperature a block
  float gate_init = 5.0f;  ///< GaPT: gate logits start at -gate_init
  // LSPT variants, all inferred alternatives; defaults first.
  bool lstm_share = true;      ///< one cell for all blocks, else one each
  int lstm_hidden = 0;         ///< h; 0 = embed_dim, else A maps h to embed_dim
  bool lstm_residual = false;  ///< `--lstm-out residual`: U^{l+1} = P^l + S^l + A(H^l)
  bool mean_in = false;        ///< `--mean-src in`: patch rows entering the block, not leaving it
  bool mean_ln = false;        ///< `--mean-norm ln`: layer norm without affine before the mean
  bool mean_cls = false;       ///< `--mean-scope patches+cls`
  bool mean_detach = false;    ///< no gradient through m^l
  float forget_bias = 0.0f;    ///< added to the initial forget-gate bias
  float lstm_lr_mult = 1.0f;
  bool lpc_first = false;  ///< `--coding-order lpc-then-gspc`: U^{l+1} = P^l + A(LSTM(Z_P^l)) + m^l
};

/// The prompts' parameters and one step of their recurrence.
///   prompt.{l} (P, D), or (P, 2 D)         l = 0..depth-1, or prompt.0 alone
///   prompt.{l}.{a (P, R), b (D or 2 D, R)} in its place if it has a rank: a b^T
///   lspt.lstm.{weight_ih (4h, D), weight_hh (4h, h), bias_ih, bias_hh (4h)}
///   lspt.lstm.{l}.…                        one cell a block, if not shared
///   lspt.up.{weight (D, h), bias (D)}      A, if h < D
///   gspc.{l}.weight (P, patches)           l = 0..depth-2, if mixtures
///   gate.logit (depth - 1), attn.temp (depth)
class Prompts {
 public:
  Prompts(const PromptConfig& config, const ViTConfig& vit, DType dtype,
          const Initializer& initializer);
  Parameters parameters();
  /// Softmax temperatures of all blocks, or none.
  const Var& temperature() const { return temperature_; }

  /// What one forward pass carries from block to block.
  struct State {
    int64_t batch = 0;
    StepKey key = {};
    LstmWeights cell = {};  ///< of this block: the same for all, or its own
    Var hidden = {}, memory = {};
    Probe* probe = nullptr;  ///< filled if there is one
  };
  /// Learnable prompts of block l: (P, D or 2 D), and (B, P, D or 2 D) when dropout draws a mask
  /// for each image.
  Var learnable(int block, const State& state) const;
  /// U^{l+1} from what entered and left block l: x_in and x_out are [class, prompts, patches] (x_in
  /// of block 0 has no prompt rows), entered is U^l.
  Var next(int block, const Var& entered, const Var& x_in, const Var& x_out, State& state) const;

 private:
  Var lstm(int block, const LstmInput& source, State& state) const;
  void look_at_gates(int block, const Var& source, const State& state) const;
  Var patch_mean(const Var& x) const;
  Var mixture(int block, const Var& x) const;

  PromptConfig config_;
  ViTConfig vit_;
  DType dtype_;
  int hidden_;
  std::deque<Parameter> parameters_;
  std::vector<Var> mixtures_;         // one a step
  std::vector<Var> prompts_, cells_;  // one Var a block, or with a rank two; four a cell
  Var up_weight_, up_bias_, gate_, temperature_;
};

}  // namespace lspt
