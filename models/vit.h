/// The Vision Transformer of Dosovitskiy et al. 2020 (arXiv:2010.11929), with timm's parameter
/// names, in the sizes that self-supervised weights come in and in any other.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/block.h"

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

/// "vit_{tiny,small,base,large}_patch{patch}_{image size}", e.g. vit_base_patch16_224, timm's name
/// of such a size (vit_base_patch16_224.mae, vit_small_patch14_dinov2, deit3_base_patch16_224), or
/// any size in numbers: vit_{width}x{blocks}x{heads}_patch{patch}_{image size}. The configuration
/// has the first or the last of these names. `img_size` > 0 overrides the name's. Throws
/// Error(kUsage) for another name and for sizes that do not fit: heads must divide the width, the
/// patch the image.
ViTConfig vit_config(const std::string& name, int img_size = 0);

/// The name that vit_config takes for these sizes, in words where there is one. Throws as it does.
std::string model_name(const ViTConfig& config);

/// Names and shapes of the backbone's parameters: timm's, in timm's order, without a head.
NamedShapes backbone_shapes(const ViTConfig& config);

/// Token sequences are (B, 1 + ..., D): the class row, then prompts if any, then patches.
class ViT {
 public:
  /// `trains` says which parameters are trained, by name. Frozen matrices are kept in `dtype`, all
  /// else in f32.
  ViT(const ViTConfig& config, const std::function<bool(const std::string&)>& trains, DType dtype,
      const Initializer& initializer);
  const ViTConfig& config() const { return config_; }
  Parameters parameters();

  /// images (B, 3, S, S) f32 -> tokens (B, 1 + patches, D) in `dtype`.
  Var embed(const Tensor& images) const;
  /// The same of the first `visible` patches of each image's order (ops/masked_tokens.h) alone:
  /// (B, 1 + visible, D), rows in that order.
  Var embed_visible(const Tensor& images, const Tensor& order, int64_t visible) const;
  /// transformer_block by the parameters of block `index`, and its temperature.
  Var block(int index, const Var& x, const BlockOptions& options = {}) const;
  Var final_norm(const Var& x) const;

 private:
  void check_images(const Tensor& images) const;

  ViTConfig config_;
  DType dtype_;
  std::deque<Parameter> parameters_;  // a deque: blocks_ refers into it
  std::vector<BlockWeights> blocks_;
};

}  // namespace lspt
