/// How prompts start that are not drawn at random.
#pragma once

#include <string>

#include "models/model.h"

namespace lspt {

/// What prompts start as: random numbers; patch tokens of training images; k-means of such; those
/// of another run or file.
enum class PromptInit { random, tokens, kmeans, file };

/// As SPT of Wang et al. 2024 (Revisiting the Power of Prompt for Visual Tuning, arXiv:2402.02382):
/// the prompts of a block are patch tokens of `images` that enter it, chosen at random; or, if
/// `cluster`, the means that k-means (Lloyd's, twenty rounds at most) makes from there.
NamedTensors prompts_from_images(const Model& model, const Tensor& images, bool cluster);

/// The prompts that a model of these settings has, from a run's folder or checkpoint, or from any
/// file of weights that has tensors of their names. Throws Error(kUsage) if it does not exist,
/// Error(kWeights) if it has not all of them.
NamedTensors prompts_from_file(const std::string& path, const ModelConfig& config);

}  // namespace lspt
