/// The Vision Transformer of Dosovitskiy et al. 2020 (arXiv:2010.11929), with timm's parameter
/// names, in the four sizes and three patch sizes that self-supervised weights come in.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "models/parameter.h"

namespace lspt {

struct ViTConfig {
  std::string name;
  int img_size = 224;
  int patch_size = 16;
  int embed_dim = 768;
  int depth = 12;
  int num_heads = 12;
  int mlp_ratio = 4;
  float norm_eps = 1e-6f;

  int grid() const { return img_size / patch_size; }
  int num_patches() const { return grid() * grid(); }
};

/// "vit_{tiny,small,base,large}_patch{8,14,16}_{image size}", e.g. vit_base_patch16_224, or timm's
/// name of such a size (vit_base_patch16_224.mae, vit_small_patch14_dinov2,
/// deit3_base_patch16_224); the configuration has the former. `img_size` > 0 overrides the name's.
/// Throws Error(kUsage) for another name or a size that the patch does not divide.
ViTConfig vit_config(const std::string& name, int img_size = 0);

/// Names and shapes of the backbone's parameters: timm's, in timm's order, without a head.
std::vector<std::pair<std::string, Shape>> backbone_shapes(const ViTConfig& config);

/// What can enter a block beside its tokens, and what need not leave it.
struct BlockOptions {
  /// Rows (P, D) or (B, P, D) that take part in attention as keys and values only: they get no
  /// query, no MLP, and do not leave the block. Exact wherever the rows that would leave are not
  /// read.
  Var prompts = {};
  /// Rows (P, D) or (B, P, D) that join the sequence after the class row. Normalized and projected
  /// apart from x, so that a constant x needs no gradient there.
  Var insert = {};
  /// Only the class row leaves, (B, 1, D): one query. Exact if nothing else is read.
  bool class_only = false;
  Var temperature = {};  ///< (depth) f32, element `block` divides the attention scores
};

/// Token sequences are (B, 1 + ..., D): the class row, then prompts if any, then patches.
class ViT {
 public:
  /// Frozen weights are kept in `dtype`, biases and norms in f32; trainable ones all in f32.
  ViT(const ViTConfig& config, bool trainable, DType dtype, const Initializer& initializer);
  const ViTConfig& config() const { return config_; }
  Parameters parameters();

  /// images (B, 3, S, S) f32 -> tokens (B, 1 + patches, D) in `dtype`.
  Var embed(const Tensor& images) const;
  /// Pre-norm block: x + attention(norm1(x)), then x + mlp(norm2(x)).
  Var block(int index, const Var& x, const BlockOptions& options = {}) const;
  Var final_norm(const Var& x) const;

 private:
  struct Block {
    const Var &norm1_weight, &norm1_bias, &qkv_weight, &qkv_bias, &proj_weight, &proj_bias;
    const Var &norm2_weight, &norm2_bias, &fc1_weight, &fc1_bias, &fc2_weight, &fc2_bias;
  };
  Var norm(const Var& x, const Var& weight, const Var& bias) const;

  ViTConfig config_;
  DType dtype_;
  std::deque<Parameter> parameters_;  // a deque: blocks_ refers into it
  std::vector<Block> blocks_;
};

}  // namespace lspt
