/// Named tensors of a model: what is loaded, trained, saved and reported.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/tape.h"

namespace lspt {

/// Trainable if and only if var.node is set; otherwise frozen, that is, a constant.
struct Parameter {
  std::string name;  ///< timm's state-dict name, or ours (`prompt.3`, `lspt.lstm.weight_ih`)
  Var var;
  float lr_scale = 1.0f;     ///< multiplies the learning rate (`--lstm-lr-mult`)
  bool weight_decay = true;  ///< whether the optimizer's decay applies to it
};

/// In the order of the model's forward pass. Pointers stay valid while the model lives.
using Parameters = std::vector<Parameter*>;
using NamedTensors = std::map<std::string, Tensor>;

/// How an initial value is drawn: every element is offset + spread * (a uniform number in [-1, 1],
/// a standard normal, or a standard normal cut at two deviations).
struct Draw {
  enum Kind { uniform, normal, truncated } kind = uniform;
  float spread = 0.0f;
  float offset = 0.0f;
};
constexpr Draw constant(float value) { return {Draw::uniform, 0.0f, value}; }

/// Makes parameters on a device: from given values where there are any, else drawn from (seed,
/// name), so that a parameter's initial value does not depend on which others exist.
class Initializer {
 public:
  Initializer(uint64_t seed, Device device, const NamedTensors& values)
      : seed_(seed), device_(device), values_(values) {}

  /// A leaf in f32.
  Parameter trainable(const std::string& name, const Shape& shape, Draw draw) const;
  /// A constant in `dtype`.
  Parameter frozen(const std::string& name, const Shape& shape, Draw draw, DType dtype) const;
  /// The value alone, f32 on the CPU.
  Tensor value(const std::string& name, const Shape& shape, Draw draw) const;

 private:
  uint64_t seed_;
  Device device_;
  const NamedTensors& values_;
};

/// The same values where the CPU can read them.
NamedTensors on_host(NamedTensors tensors);

/// Gives a parameter another value, keeping its dtype and trainability. Throws Error(kWeights) if
/// the shape differs.
void assign(Parameter& parameter, const Tensor& value);

}  // namespace lspt
