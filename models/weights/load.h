/// From a weights file to the values that a ViT backbone wants.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/name_map.h"

namespace lspt {

using WantedShapes = std::vector<std::pair<std::string, Shape>>;

struct LoadedBackbone {
  Family family = Family::timm;
  std::map<std::string, Tensor> values;  ///< every wanted name, f32; views of the map if possible
  std::vector<std::string> used;         ///< wanted names, in the order asked
  std::vector<std::string> unused;       ///< names in the file that nothing asked for
  std::vector<std::string> notes;        ///< what a user should read, one line each
};

/// f32 values of a mapped tensor: a view of the map if it has one source (WeightFile::load).
Tensor load(const WeightFile& file, const MappedTensor& tensor);

/// Loads all of `wanted` (timm names) or throws Error(kWeights) that counts used, unused, missing
/// and misshapen tensors, names the first few, and says which model the file holds. All values are
/// finite. Position embeddings of another square grid are interpolated (pos_embed.h) and a note
/// says so; `prefix_tokens` leading rows of them are class tokens and pass unchanged.
LoadedBackbone load_backbone(const std::string& path, const WantedShapes& wanted,
                             int prefix_tokens = 1);

}  // namespace lspt
