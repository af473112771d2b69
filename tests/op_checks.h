/// Checks that hold for every op. Each returns a figure or a message, so that the checks can be
/// checked themselves with ops that are wrong on purpose.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/op_cases.h"

namespace lspt::test {

using Values = std::vector<std::vector<float>>;

struct Setting {
  DType dtype = DType::f32;
  unsigned trainable = ~0u;  ///< bit i: input i has a gradient
  /// Inputs are activations that have another reader, whose gradient is there before the op's.
  bool activations = false;
  bool backward = true;
  Device device = Device::cpu;
};

struct Result {
  Values outputs, gradients;  ///< a gradient is empty if its input is frozen
  bool operator==(const Result&) const = default;
};

/// Standard normal inputs, exact in bf16; the same for a case every time.
Values inputs_of(const OpCase& c);
/// The op on these values and the gradients of the sum of all outputs times fixed random weights,
/// standard normal and exact in bf16.
Result run(const OpCase& c, const Values& values, const Setting& setting = {});

/// Largest |a - b| of any tensor relative to its largest |b|.
double largest_difference(const Values& a, const Values& b);

/// Gradients against central differences of the weighted sum, kept in double: relative to the
/// largest gradient of that input. Every element of small inputs; a few random directions of large.
double gradient_error(const OpCase& c, Device device = Device::cpu);
/// Gradients with every proper subset of the inputs frozen against those with none frozen: the
/// largest relative difference, 0 if the bits are equal.
double frozen_difference(const OpCase& c, Device device = Device::cpu);
/// Gradients that find another reader's already there, against the sum of the two.
double accumulation_error(const OpCase& c, DType dtype, Device device = Device::cpu);
/// Outputs and gradients in bf16 against f32.
double bf16_error(const OpCase& c);
/// Empty, or what was recorded although nobody asked for a gradient.
std::string recorded_for_nothing(const OpCase& c);
/// Empty, or the inputs whose wrong shape was accepted.
std::string wrong_shapes_accepted(const OpCase& c);
/// Outputs and gradients against PyTorch's for the same values (tests/golden/make_ops.py), of every
/// element or, in large tensors, of every n-th. Throws Error if the case has no fixture.
double pytorch_error(const OpCase& c, DType dtype, Device device = Device::cpu);

/// What a check found: a figure and the most that it may be, and words where there are some.
struct Finding {
  double value, allowed;
  std::string text = {};
  bool good() const { return value <= allowed; }  // not if it is NaN
};

/// A check that every op has to pass in every dtype on every device it is for.
struct OpCheck {
  const char* name;
  bool f32, bf16, cpu, gpu;
  std::function<Finding(const OpCase& c, DType dtype, Device device)> run;
  bool is_for(DType dtype, Device device) const {
    return (dtype == DType::f32 ? f32 : bf16) && (device == Device::cpu ? cpu : gpu);
  }
};
const std::vector<OpCheck>& op_checks();

}  // namespace lspt::test
