/// Which model family a weights file comes from, and its names in timm's terms.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/weights/containers/weight_file.h"
#include "models/weights/names/family.h"

namespace lspt {

/// One backbone tensor under timm's name.
struct MappedTensor {
  std::string name;
  /// Views of the file's tensors. Three are query, key and value, to be concatenated along the rows
  /// in that order.
  std::vector<StoredTensor> sources;
  Shape part;  ///< of each source, read in row-major order
  /// Layer scale, to be multiplied into the rows: gamma * (W x + b) = (gamma W) x + gamma b.
  std::optional<StoredTensor> row_scale = {};
  bool class_row = false;  ///< positions of patches alone: a row of zeros comes first, the class's
  Shape shape() const;     ///< of what load() makes of it
};

struct NameMap {
  Family family = Family::timm;
  std::string assumed;  ///< why the family was taken and what else it may be; "": the file tells
  std::string normalization;  ///< pixel constants (family.h), of the family or of the hub's config
  bool hugging_face = false;  ///< under transformers' names
  bool fc_norm = false;       ///< its last norm is of the patches' mean (timm's fc_norm)
  std::vector<MappedTensor> tensors;
  std::vector<std::string> unused;  ///< names in the file that the backbone does not take
  std::vector<std::string> notes;
};

/// Recognises timm, DeiT, MAE (pretrain, visualize and fine-tuned), MoCo v3 (linear and pretraining
/// files), DINO (flat and full), DINOv2, Hugging Face ViT, ViT-MAE and Dinov2, Google's ViT and our
/// own checkpoints, as guess_family has it or as `told`. Heads, decoders, mask tokens, predictors,
/// momentum encoders and optimizer state are left in `unused`. Throws Error(kWeights) for a part
/// that changes what the backbone computes and that our ViT lacks (register tokens, SwiGLU,
/// distillation token, ...): it is refused by name, not ignored; Error(kUsage) for a family that
/// never has the file's names. The result points into `file`.
NameMap map_names(const WeightFile& file, std::optional<Family> told = {});

}  // namespace lspt
