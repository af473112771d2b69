/// Which pre-training a weights file comes from, and what follows from that.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "models/weights/pos_embed.h"

namespace lspt {

/// timm: supervised, as AugReg's and Google's in timm's names; deit: DeiT and DeiT III.
enum class Family { timm, deit, mae, moco_v3, dino, dinov2, hf_vit, hf_vit_mae, google, lspt };
const char* name_of(Family family);  ///< "MAE", "MoCo v3", ...
/// Identifier for metadata and flags ("mae", "moco_v3"); `family_of` inverts it, and throws
/// Error(kUsage) for another word.
const char* key_of(Family family);
Family family_of(const std::string& key);

/// The pixel constants that a family was trained with: "imagenet", or "half" (mean and deviation
/// 0.5: AugReg, Google and what Hugging Face has of them). For runs of ours the run itself knows.
const char* normalization_of(Family family);

/// The family that one of timm's names tells: "vit_small_patch16_224.dino",
/// "deit3_base_patch16_224", "vit_base_patch14_dinov2". Most of them tell none.
std::optional<Family> family_of_model(const std::string& name);

/// What a hub keeps beside model.safetensors or pytorch_model.bin: timm's config.json, or Hugging
/// Face's preprocessor_config.json. Nothing if there is neither, or it cannot be read.
struct HubConfig {
  std::string model;          ///< timm's name with its tag, or ""
  std::string normalization;  ///< "imagenet", "half", or other constants as a text; "" unknown
};
HubConfig hub_config(const std::string& weights_path);

/// What is in a file beside the backbone, and how it is wrapped.
struct FamilyClues {
  const std::map<std::string, std::string>& metadata;
  std::string wrapper = {}, prefix = {}, hub_model = {};
  bool hugging_face = false, decoder = false, pooler = false;
  int64_t classes = 0;  ///< of its head; 0: no head
  bool layer_scale = false, fc_norm = false;
  bool class_position = true;  ///< whether the class token has a position
  PosTable table = PosTable::learned;
};
struct FamilyGuess {
  Family family;
  std::string assumed = {};  ///< why, and what else it could be; "" if the file tells
};
/// Evidence, strongest first: metadata that `convert` and training write, the hub's config, names,
/// layer scale, fixed sine-cosine positions, the wrapper's key, the head.
FamilyGuess guess_family(const FamilyClues& clues);

}  // namespace lspt
