/// Which model family a weights file comes from, and its names in timm's terms.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/weights/weight_file.h"

namespace lspt {

enum class Family { timm, mae, moco_v3, dino, dinov2, hf_vit, hf_vit_mae, google, lspt };
const char* name_of(Family family);  ///< "MAE", "MoCo v3", ...
/// Identifier for metadata and flags ("mae", "moco_v3"); `family_of` inverts it, and throws
/// Error(kUsage) for another word.
const char* key_of(Family family);
Family family_of(const std::string& key);

/// One backbone tensor under timm's name.
struct MappedTensor {
  std::string name;
  /// Views of the file's tensors. Three are query, key and value, to be concatenated along the rows
  /// in that order.
  std::vector<StoredTensor> sources;
  Shape part;  ///< of each source, read in row-major order
  /// Layer scale, to be multiplied into the rows: gamma * (W x + b) = (gamma W) x + gamma b.
  std::optional<StoredTensor> row_scale = {};
  Shape shape() const;  ///< after concatenation
};

struct NameMap {
  Family family = Family::timm;
  bool hugging_face = false;  ///< under transformers' names
  std::vector<MappedTensor> tensors;
  std::vector<std::string> unused;  ///< names in the file that the backbone does not take
  std::vector<std::string> notes;
};

/// Recognises timm, MAE (pretrain and visualize), MoCo v3 (linear and pretraining files), DINO
/// (flat and full), DINOv2, Hugging Face ViT, ViT-MAE and Dinov2, Google's ViT and our own
/// checkpoints. Evidence, strongest first: metadata that `convert` and training write, names and
/// prefixes, the channel order of fixed sine-cosine position embeddings, the wrapper key. Heads,
/// decoders, mask tokens, predictors, momentum encoders and optimizer state are left in `unused`.
/// Throws Error(kWeights) for a part that changes what the backbone computes and that our ViT lacks
/// (register tokens, SwiGLU, distillation token, ...): it is refused by name, not ignored. The
/// result points into `file`.
NameMap map_names(const WeightFile& file);

}  // namespace lspt
