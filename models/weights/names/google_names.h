/// Names of Google's ViT files (.npz; JAX, channels last) in timm's terms.
#pragma once

#include "models/weights/names/name_map.h"

namespace lspt {

/// What stands before `embedding/kernel`: "", "opt/target/", "params/"; none if nothing does.
std::optional<std::string> google_prefix(const WeightFile& file);

/// Kernels are (in ..., out ...), so every matrix is a transposed view; heads are a dimension of
/// their own, (D, heads, D / heads) and back, and flatten; the patch kernel is (h, w, in, out).
/// The classifier and `pre_logits` are left in `unused`. Throws Error(kWeights) for blocks stacked
/// in one array and for a convolutional stem.
NameMap map_google_names(const WeightFile& file, const std::string& prefix);

}  // namespace lspt
