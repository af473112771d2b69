/// From a weights file to the values that a ViT backbone wants.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/names/name_map.h"
#include "models/weights/pos_embed.h"

namespace lspt {

using WantedShapes = std::vector<std::pair<std::string, Shape>>;
/// What a file has.
WantedShapes shapes_of(const NameMap& map);

struct LoadedBackbone {
  Family family = Family::timm;
  std::string normalization;             ///< pixel constants of its training (family.h)
  bool fc_norm = false;                  ///< its last norm is of the patches' mean
  std::map<std::string, Tensor> values;  ///< every wanted name, f32; views of the map if possible
  std::vector<std::string> used;         ///< wanted names, in the order asked
  std::vector<std::string> unused;       ///< names in the file that nothing asked for
  std::vector<std::string> notes;        ///< what a user should read, one line each
  Resample resample = Resample::antialiased;  ///< how position embeddings are, or would be, resized
};

/// How the authors of a family's code resize position embeddings (pos_embed.h says who does what).
/// MoCo v3 and runs of ours: as timm.
Resample resample_of(Family family, bool hugging_face);

/// f32 values of a mapped tensor: a view of the map if it has one source (WeightFile::load).
Tensor load(const WeightFile& file, const MappedTensor& tensor);

/// Loads all of `wanted` (timm names) or throws Error(kWeights) that counts used, unused, missing
/// and misshapen tensors, names the first few, and says which model the file holds. All values are
/// finite. Position embeddings of another square grid are interpolated (pos_embed.h) and a note
/// says so: as `resample` has it, else as the family's authors do. The leading row of them is the
/// class token's and passes unchanged. `told`: the family, in place of what the file tells.
LoadedBackbone load_backbone(const std::string& path, const WantedShapes& wanted,
                             std::optional<Resample> resample = {},
                             std::optional<Family> told = {});

}  // namespace lspt
