#include "models/parameter.h"

#include <algorithm>
#include <cmath>

#include "engine/parallel.h"
#include "engine/random.h"

namespace lspt {
namespace {

// FNV-1a: which random stream a name draws from.
uint64_t hash_of(const std::string& name) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

float element(const Random& random, uint64_t i, Draw draw) {
  if (draw.kind == Draw::uniform) return random.uniform(i, -1.0f, 1.0f);
  float value = random.normal(i);
  if (draw.kind == Draw::truncated) {
    // Redraws come from far along the stream: parameters have less than 2^30 elements.
    for (uint64_t retry = 1; std::abs(value) > 2.0f && retry < 8; ++retry)
      value = random.normal(i + (retry << 30));
    value = std::clamp(value, -2.0f, 2.0f);
  }
  return value;
}

}  // namespace

Tensor Initializer::value(const std::string& name, const Shape& shape, Draw draw) const {
  if (const auto it = values_.find(name); it != values_.end()) {
    require(it->second.shape() == shape, ErrorKind::kWeights, "weights: ", name, " is ",
            it->second.shape(), ", expected ", shape);
    return it->second;
  }
  Tensor tensor(shape);
  float* out = tensor.data<float>();
  const Random random(seed_, 0, hash_of(name), Purpose::init);
  parallel_for(tensor.numel(), 1 << 12, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      out[i] = draw.spread == 0.0f
                   ? draw.offset
                   : draw.offset + draw.spread * element(random, static_cast<uint64_t>(i), draw);
  });
  return tensor;
}

Parameter Initializer::trainable(const std::string& name, const Shape& shape, Draw draw) const {
  // The optimizer changes it in place; a given value may belong to a mapped file.
  const Tensor own(shape, DType::f32, device_);
  copy(own, value(name, shape, draw));
  return {name, Var::trainable(own)};
}

Parameter Initializer::frozen(const std::string& name, const Shape& shape, Draw draw,
                              DType dtype) const {
  return {name, Var(to_device(to_dtype(value(name, shape, draw), dtype), device_))};
}

NamedTensors on_host(NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) tensor = to_device(tensor, Device::cpu);
  return tensors;
}

void assign(Parameter& parameter, const Tensor& value) {
  require(value.shape() == parameter.var.shape(), ErrorKind::kWeights, "weights: ", parameter.name,
          " is ", value.shape(), ", expected ", parameter.var.shape());
  if (parameter.var.node) {
    copy(parameter.var.value, value);
    return parameter.var.value.changed();
  }
  // A new tensor: what was derived from the old one dies with it.
  const Tensor own(value.shape(), parameter.var.dtype(), parameter.var.device());
  copy(own, value);
  parameter.var.value = own;
}

}  // namespace lspt
