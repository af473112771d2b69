/// The words that flags, config.json and messages have for enums: each list in the order of its
/// values.
#pragma once

#include <array>
#include <string>

#include "data/loader.h"
#include "models/model.h"
#include "train/choice.h"
#include "train/inputs/first_prompts.h"
#include "train/optimizer.h"
#include "train/step.h"

namespace lspt {

constexpr auto words_of(Transform) { return std::array{"fgvc", "vtab", "mae"}; }
constexpr auto words_of(Interpolation) { return std::array{"bilinear", "bicubic", "tf-bilinear"}; }
constexpr auto words_of(CropRule) { return std::array{"torchvision-0.9", "torchvision-0.8"}; }
constexpr auto words_of(NewPrompts) { return std::array{"every", "first"}; }
constexpr auto words_of(Carry) { return std::array{"lstm", "out", "gate", "none"}; }
constexpr auto words_of(Pool) { return std::array{"token", "avg", "patches"}; }
constexpr auto words_of(HeadInit) { return std::array{"vpt", "zero"}; }
constexpr auto words_of(PromptInit) { return std::array{"random", "tokens", "kmeans"}; }
constexpr auto words_of(OptimizerKind) { return std::array{"sgd", "adamw", "lbfgs"}; }
constexpr auto words_of(Choose) { return std::array{"one-se", "best", "last"}; }
constexpr auto words_of(CudaGraph) { return std::array{"auto", "on", "off"}; }

template <typename E>
std::string word_of(E value) {
  return words_of(value)[static_cast<size_t>(value)];
}
inline std::string word_of(const Normalization& constants) {
  return constants == kHalf ? "half" : "imagenet";
}

/// `otherwise` for a word that the list has not: what is not decided yet, and older checkpoints.
template <typename E>
E value_of(const std::string& word, E otherwise) {
  size_t i = 0;
  for (const char* known : words_of(otherwise)) {
    if (word == known) return static_cast<E>(i);
    ++i;
  }
  return otherwise;
}

}  // namespace lspt
