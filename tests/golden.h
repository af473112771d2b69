/// Golden fixtures: what PyTorch computed (tests/golden/make_fixtures.py), and how near we are.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "models/model.h"
#include "models/weights/containers/weight_file.h"

namespace lspt::golden {

/// All tensors of tests/golden/NAME.safetensors. Throws, and so fails the test, if it is missing:
/// tests run from the root of the repository.
inline NamedTensors read(const std::string& name) {
  const WeightFile file = WeightFile::open("tests/golden/" + name + ".safetensors");
  NamedTensors tensors;
  for (const StoredTensor& tensor : file.tensors()) tensors[tensor.name] = file.load(tensor);
  return tensors;
}

inline const Tensor& at(const NamedTensors& tensors, const std::string& name) {
  const auto it = tensors.find(name);
  require(it != tensors.end(), ErrorKind::kData, "golden fixture: no tensor ", name);
  return it->second;
}

/// The fixtures' model with a method of five prompts.
inline ModelConfig config(const std::string& method, int depth = 3, Pool pool = Pool::token) {
  ModelConfig config;
  config.vit = {.name = "golden",
                .img_size = 32,
                .patch_size = 8,
                .embed_dim = 32,
                .depth = depth,
                .num_heads = 4};
  config.method = method_config(method, 5);
  config.num_classes = 5;
  config.pool = pool;
  return config;
}

/// What its parameters start from: the case's own values before those that all cases share.
inline NamedTensors initial(const NamedTensors& backbone, const NamedTensors& methods,
                            const std::string& case_name = "") {
  NamedTensors values = backbone;
  for (const std::string& prefix : {std::string("init."), case_name + ".init."})
    for (const auto& [key, tensor] : methods)
      if (key.starts_with(prefix)) values[key.substr(prefix.size())] = tensor;
  return values;
}

/// Largest |x - y|; an empty x is all zero, as the gradient that nothing arrived for.
inline double distance(const Tensor& x, const Tensor& y) {
  const std::vector<float> b = y.to_vector(), a = x ? x.to_vector() : std::vector<float>(b.size());
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - b[i]);
    if (std::isnan(d)) return d;
    largest = std::max(largest, d);
  }
  return largest;
}

inline double largest(const Tensor& x) { return distance({}, x); }

/// Whether x is y up to `tolerance` times y's largest magnitude; a y of zeros only is exact.
inline bool near(const Tensor& x, const Tensor& y, double tolerance = 1e-4) {
  const double d = distance(x, y), bound = tolerance * largest(y);
  if (d <= bound) return true;
  MESSAGE("differs by ", d, ", at most ", bound, " allowed");
  return false;
}

}  // namespace lspt::golden
