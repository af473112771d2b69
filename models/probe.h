/// A look inside a forward pass: what passes by is copied, nothing is changed. Not for training.
#pragma once

#include <array>
#include <vector>

#include "engine/tensor.h"

namespace lspt {

/// What the prompts of a forward pass were, by block: root mean squares over images, rows and
/// channels, and of the LSTM's gates (i, f, g, o) the share that is within 1 % of an end of its
/// range.
struct PromptTrace {
  struct Block {
    double entering = 0, leaving = 0, mean = 0;        ///< U^l, Z_P^l, and m^l if gspc
    double hidden = 0, memory = 0;                     ///< H^l and C^l if carry is lstm
    std::array<double, 4> gates = {}, saturated = {};  ///< means, shares
  };
  std::vector<Block> blocks;  ///< those that a step of the recurrence follows
};

/// What Model::look fills. Tensors are f32 on the host.
struct Probe {
  static constexpr int kNone = -1;
  bool values = false;          ///< whether `entering` and `gates` are wanted
  int attention_block = kNone;  ///< of which block `attention` is wanted

  PromptTrace trace = {};
  std::vector<Tensor> entering = {};  ///< U^l of every block, (P, D) or (B, P, D); none: no prompts
  /// Of every step of the LSTM, which follow blocks 0, 1, ...: sigmoid or tanh of what enters the
  /// gates, (B P, 4h), in the order i, f, g, o.
  std::vector<Tensor> gates = {};
  /// What the class row looks at: softmax(q k^T / (sqrt(d) t)) of its query, (B, heads,
  /// 1 + P + patches). Keys in the order class, prompts, patches; P is 0 without prompts.
  Tensor attention = {};
};

}  // namespace lspt
