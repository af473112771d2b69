/// The pre-norm Transformer block that encoder and decoder are made of.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "models/parameter.h"
#include "models/side.h"

namespace lspt {

using NamedShapes = std::vector<std::pair<std::string, Shape>>;

/// Adds a block's parameters, timm's names behind `prefix` ("blocks.0."), in timm's order.
void add_block_shapes(NamedShapes& shapes, const std::string& prefix, int64_t width,
                      int64_t hidden);

/// A block's parameters, which somebody else owns.
struct BlockWeights {
  const Var &norm1_weight, &norm1_bias, &qkv_weight, &qkv_bias, &proj_weight, &proj_bias;
  const Var &norm2_weight, &norm2_bias, &fc1_weight, &fc1_bias, &fc2_weight, &fc2_bias;
};
/// Of the twelve from parameters[first] on, as add_block_shapes has them.
BlockWeights block_weights(const std::deque<Parameter>& parameters, size_t first);

/// What can enter a block beside its tokens, and what need not leave it.
struct BlockOptions {
  /// Rows (P, D) or (B, P, D) that take part in attention as keys and values only: they get no
  /// query, no MLP, and do not leave the block. Exact wherever the rows that would leave are not
  /// read.
  Var prompts = {};
  /// Keys beside values, (P, 2 D) or (B, P, 2 D), that take part in attention as they are.
  Var prompt_kv = {};
  /// Rows (P, D) or (B, P, D) that join the sequence after the class row. Normalized and projected
  /// apart from x, so that a constant x needs no gradient there.
  Var insert = {};
  /// Only the class row leaves, (B, 1, D): one query. Exact if nothing else is read.
  bool class_only = false;
  Var temperature = {};        ///< f32, one element of which divides the attention scores ...
  int temperature_index = 0;   ///< ... this one
  const Side* side = nullptr;  ///< what is added beside the layers, if anything
  int index = 0;               ///< of this block, for `side`
  Tensor* class_attention = nullptr;  ///< filled, if there is one, as Probe::attention
};

/// x + attention(norm1(x)), then x + mlp(norm2(x)). x (B, N, D) -> (B, N, D), or fewer rows as the
/// options have it; GELU in its erf form, `eps` of the norms.
Var transformer_block(const BlockWeights& w, int heads, float eps, const Var& x,
                      const BlockOptions& options = {});

}  // namespace lspt
