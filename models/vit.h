/// The Vision Transformer of Dosovitskiy et al. 2020 (arXiv:2010.11929), with timm's parameter
/// names, in the four sizes and three patch sizes that self-supervised weights come in.
#pragma once

#include <string>
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

/// "vit_{tiny,small,base,large}_patch{8,14,16}_{image size}", e.g. vit_base_patch16_224;
/// `img_size` > 0 overrides the name's. Throws Error(kUsage) for another name or a size that the
/// patch does not divide.
ViTConfig vit_config(const std::string& name, int img_size = 0);

}  // namespace lspt
