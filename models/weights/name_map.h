/// Which model family a weights file comes from, and its names in timm's terms.
#pragma once

#include <string>
#include <vector>

#include "models/weights/weight_file.h"

namespace lspt {

enum class Family { timm, mae, moco_v3, dino, hf_vit, hf_vit_mae, lspt };
const char* name_of(Family family);  ///< "MAE", "MoCo v3", ...
/// Identifier for metadata and flags ("mae", "moco_v3"); `family_of` inverts it, and throws
/// Error(kUsage) for another word.
const char* key_of(Family family);
Family family_of(const std::string& key);

/// One backbone tensor under timm's name. Three sources are query, key and value, to be
/// concatenated along the rows in that order.
struct MappedTensor {
  std::string name;
  std::vector<const StoredTensor*> sources;
  Shape shape() const;  ///< after concatenation
};

struct NameMap {
  Family family = Family::timm;
  std::vector<MappedTensor> tensors;
  std::vector<std::string> unused;  ///< names in the file that the backbone does not take
  std::vector<std::string> notes;
};

/// Recognises timm, MAE (pretrain and visualize), MoCo v3 (linear and pretraining files), DINO
/// (flat and full), Hugging Face ViT and ViT-MAE, and our own checkpoints. Evidence, strongest
/// first: metadata that `convert` and training write, names and prefixes, the channel order of
/// fixed sine-cosine position embeddings, the wrapper key. Heads, decoders, mask tokens,
/// predictors, momentum encoders and optimizer state are left in `unused`. Throws Error(kWeights)
/// for a part that changes what the backbone computes and that our ViT lacks (layer scale, register
/// tokens, SwiGLU, distillation token, ...): it is refused by name, not ignored. The result points
/// into `file`.
NameMap map_names(const WeightFile& file);

}  // namespace lspt
