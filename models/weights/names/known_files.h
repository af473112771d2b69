/// Published weights, recognised by content.
#pragma once

#include <string>

#include "models/weights/names/name_map.h"

namespace lspt {

/// "facebookresearch/mae's mae_pretrain_vit_base.pth (MD5 8cad7c...)", or "" if the file is none of
/// those known. `model` is the size of its ViT, "vit_base_patch16_224". A file is hashed (0.4 s for
/// a ViT-B) only if its format, wrapper, family and size are a known one's. Throws Error(kWeights).
std::string known_file(const WeightFile& file, Family family, const std::string& model);

/// The same by the hash, 32 hexadecimal digits.
std::string known_file_of(Family family, const std::string& model, const std::string& md5);

}  // namespace lspt
