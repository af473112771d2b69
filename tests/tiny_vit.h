/// The tiny ViT that the fixtures of weights hold (tests/golden/make_weights.py), and comparisons.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/weights/load.h"
#include "tests/errors.h"

namespace lspt::testing {

const std::string kGolden = "tests/golden/weights/";

inline double difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<float> x = a.to_vector(), y = b.to_vector();
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) largest = std::max<double>(largest, std::fabs(x[i] - y[i]));
  return largest;
}

/// Names and shapes of the tiny ViT that every fixture holds.
inline WantedShapes tiny(int64_t width = 4, int depth = 2, int64_t patches = 9) {
  WantedShapes shapes = {{"cls_token", {1, 1, width}},
                         {"pos_embed", {1, 1 + patches, width}},
                         {"patch_embed.proj.weight", {width, 3, 2, 2}},
                         {"patch_embed.proj.bias", {width}}};
  for (int i = 0; i < depth; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    const std::vector<std::pair<std::string, Shape>> linears = {{"attn.qkv", {3 * width, width}},
                                                                {"attn.proj", {width, width}},
                                                                {"mlp.fc1", {4 * width, width}},
                                                                {"mlp.fc2", {width, 4 * width}}};
    for (const auto& [name, shape] : linears) {
      shapes.emplace_back(block + name + ".weight", shape);
      shapes.emplace_back(block + name + ".bias", Shape{shape[0]});
    }
    for (const char* norm : {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"})
      shapes.emplace_back(block + norm, Shape{width});
  }
  shapes.emplace_back("norm.weight", Shape{width});
  shapes.emplace_back("norm.bias", Shape{width});
  return shapes;
}

inline bool listed(const std::vector<std::string>& list, const std::string& part) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& text) { return contains(text, part); });
}

}  // namespace lspt::testing
