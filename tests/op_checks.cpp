#include "tests/op_checks.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/random.h"
#include "ops/cast.h"
#include "tests/golden.h"

namespace lspt::test {
namespace {

std::vector<float> normal(int64_t count, uint64_t stream, float shift = 0.0f) {
  const Random random(7, 0, stream, Purpose::test);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = bf16(random.normal(i) + shift);
  return values;
}

/// loss + sum of weights * y, as an op.
Var plus_weighted(const Var& loss, const Var& y, const Tensor& weights) {
  const Tensor sum = Tensor::zeros({1}, DType::f32, y.device());  // its value is never read
  if (!recording({&loss, &y})) return sum;
  return record("plus_weighted", {&loss, &y}, sum, [weights](Backward& b) {
    b.add(0, b.grad());
    b.add(1, weights);
  });
}

/// x as an activation: its gradient is in its own dtype.
Var activation(const Var& x) {
  if (!recording({&x})) return x;
  return record("activation", {&x}, x.value, [](Backward& b) { b.add(0, b.grad()); });
}

Tensor weights_for(const Tensor& y, uint64_t stream) {
  return to_device(Tensor::from(normal(y.numel(), 100 + stream), y.shape()), y.device());
}

double weighted_sum(const Values& outputs) {
  double sum = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto weights = normal(static_cast<int64_t>(outputs[i].size()), 100 + i);
    for (size_t j = 0; j < weights.size(); ++j)
      sum += static_cast<double>(outputs[i][j]) * static_cast<double>(weights[j]);
  }
  return sum;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (float value : values) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

bool is_variable(const Input& input) { return input.role == Role::variable; }

/// Bits of the inputs that can have a gradient.
unsigned all_of(const OpCase& c) {
  const auto count = std::count_if(c.inputs.begin(), c.inputs.end(), is_variable);
  return (1u << count) - 1;
}

std::vector<float> rows_of_sum_one(std::vector<float> values, int64_t columns) {
  for (auto row = values.begin(); row != values.end(); row += columns) {
    double sum = 0;
    for (auto x = row; x != row + columns; ++x) sum += std::exp(static_cast<double>(*x));
    for (auto x = row; x != row + columns; ++x)
      *x = static_cast<float>(std::exp(static_cast<double>(*x)) / sum);
  }
  return values;
}

/// Derivative of the weighted sum when input i moves along `direction`.
double central_difference(const OpCase& c, const Values& at, size_t i,
                          const std::vector<float>& direction, double step, Device device) {
  Values above = at, below = at;
  for (size_t j = 0; j < direction.size(); ++j) {
    above[i][j] += static_cast<float>(step) * direction[j];
    below[i][j] -= static_cast<float>(step) * direction[j];
  }
  const Setting forward{.backward = false, .device = device};
  return (weighted_sum(run(c, above, forward).outputs) -
          weighted_sum(run(c, below, forward).outputs)) /
         (2 * step);
}

}  // namespace

Values inputs_of(const OpCase& c) {
  Values values;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Input& input = c.inputs[i];
    values.push_back(normal(input.shape.numel(), i, input.shift));
    if (input.role == Role::probabilities)
      values[i] = rows_of_sum_one(std::move(values[i]), input.shape[-1]);
  }
  return values;
}

Result run(const OpCase& c, const Values& values, const Setting& setting) {
  Tape tape;
  Vars leaves, inputs;
  for (size_t i = 0; i < values.size(); ++i) {
    const Tensor value = to_device(Tensor::from(values[i], c.inputs[i].shape), setting.device);
    const bool trainable = setting.trainable & all_of(c) & 1u << i;
    leaves.push_back(trainable ? Var::trainable(value) : Var(value));
    inputs.push_back(c.inputs[i].f32 ? leaves[i] : cast(leaves[i], setting.dtype));
    if (setting.activations && is_variable(c.inputs[i])) inputs[i] = activation(inputs[i]);
  }
  Result result;
  const Vars outputs = c.apply(inputs, setting.dtype);
  for (const Var& y : outputs) result.outputs.push_back(y.value.to_vector());
  if (!setting.backward) return result;
  Var loss(Tensor::zeros({1}, DType::f32, setting.device));
  for (size_t i = 0; i < outputs.size(); ++i)
    loss = plus_weighted(loss, outputs[i], weights_for(outputs[i].value, i));
  if (setting.activations)
    for (size_t i = 0; i < inputs.size(); ++i)
      if (is_variable(c.inputs[i]))
        loss = plus_weighted(loss, inputs[i], weights_for(inputs[i].value, 50 + i));
  if (!loss.node) return result;
  tape.backward(loss);
  for (const Var& leaf : leaves)
    result.gradients.push_back(leaf.node && leaf.node->grad ? leaf.node->grad.to_vector()
                                                            : std::vector<float>());
  return result;
}

double largest_difference(const Values& a, const Values& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return INFINITY;
    const double scale = std::max(largest(b[i]), 1e-30);
    for (size_t j = 0; j < a[i].size(); ++j) {
      const double difference =
          std::abs(static_cast<double>(a[i][j]) - static_cast<double>(b[i][j]));
      if (!(difference <= worst * scale)) worst = difference / scale;  // NaN counts as worse
      if (std::isnan(worst)) return INFINITY;
    }
  }
  return worst;
}

double gradient_error(const OpCase& c, Device device) {
  constexpr size_t kSmall = 300;
  constexpr double kStep = 1.0 / 64;
  const Values values = inputs_of(c);
  const Values gradients = run(c, values, {.device = device}).gradients;
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_variable(c.inputs[i])) continue;
    const size_t count = values[i].size();
    if (gradients[i].size() != count) return INFINITY;
    double difference = 0, scale = 1e-3;
    const auto compare = [&](const std::vector<float>& direction, double step) {
      double ours = 0;
      for (size_t j = 0; j < count; ++j)
        ours += static_cast<double>(gradients[i][j]) * static_cast<double>(direction[j]);
      const double exact = central_difference(c, values, i, direction, step, device);
      if (!std::isfinite(ours)) difference = INFINITY;
      difference = std::max(difference, std::abs(ours - exact));
      scale = std::max({scale, std::abs(ours), std::abs(exact)});
    };
    if (count <= kSmall) {
      for (size_t j = 0; j < count; ++j) {
        std::vector<float> direction(count);
        direction[j] = 1.0f;
        compare(direction, kStep);
      }
    } else {
      // The largest of a few: a direction that is nearly orthogonal to the gradient says little.
      for (uint64_t k = 0; k < 3; ++k)
        compare(normal(static_cast<int64_t>(count), 200 + k), kStep / 8);
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

double frozen_difference(const OpCase& c, Device device) {
  const Values values = inputs_of(c);
  const Values all = run(c, values, {.device = device}).gradients;
  double worst = 0;
  for (unsigned subset = 1; subset < all_of(c); ++subset) {
    const Values some = run(c, values, {.trainable = subset, .device = device}).gradients;
    if (some.size() != all.size()) return INFINITY;
    for (size_t i = 0; i < all.size(); ++i) {
      const bool wanted = subset >> i & 1u;
      if (!wanted && !some[i].empty()) return INFINITY;
      if (wanted && some[i] != all[i])
        worst = std::max(worst, largest_difference({some[i]}, {all[i]}));
    }
  }
  return worst;
}

double accumulation_error(const OpCase& c, DType dtype, Device device) {
  const Values values = inputs_of(c);
  Values expected = run(c, values, {.dtype = dtype, .device = device}).gradients;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto others = normal(static_cast<int64_t>(expected[i].size()), 150 + i);
    for (size_t j = 0; j < others.size(); ++j) expected[i][j] += others[j];
  }
  return largest_difference(
      run(c, values, {.dtype = dtype, .activations = true, .device = device}).gradients, expected);
}

double bf16_error(const OpCase& c) {
  const Values values = inputs_of(c);
  const Result wide = run(c, values), narrow = run(c, values, {.dtype = DType::bf16});
  return std::max(largest_difference(narrow.outputs, wide.outputs),
                  largest_difference(narrow.gradients, wide.gradients));
}

std::string recorded_for_nothing(const OpCase& c) {
  const Values values = inputs_of(c);
  std::string message;
  for (const bool with_tape : {true, false}) {
    Vars inputs;
    for (size_t i = 0; i < values.size(); ++i) {
      const Tensor value = Tensor::from(values[i], c.inputs[i].shape);
      inputs.push_back(with_tape || !is_variable(c.inputs[i]) ? Var(value) : Var::trainable(value));
    }
    const auto is_input = [&](const Var& y) {  // an op may hand an input through (cast)
      return std::any_of(inputs.begin(), inputs.end(),
                         [&](const Var& x) { return x.node == y.node; });
    };
    std::optional<Tape> tape;
    if (with_tape) tape.emplace();
    for (const Var& y : c.apply(inputs, DType::f32))
      if (y.node && !is_input(y)) message += " output has a node";
    if (tape && tape->size() > 0) message += " constants were recorded";
  }
  return message;
}

std::string wrong_shapes_accepted(const OpCase& c) {
  std::string message;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.inputs[i].any_shape) continue;
    OpCase wrong = c;
    Shape& shape = wrong.inputs[i].shape;
    if (c.inputs[i].wrong.rank() > 0)
      shape = c.inputs[i].wrong;
    else
      shape.set(-1, shape[-1] + 1);
    try {
      run(wrong, inputs_of(wrong));
      message += " input " + std::to_string(i) + " of shape " + shape.to_string();
    } catch (const Error&) {
    }
  }
  return message;
}

double pytorch_error(const OpCase& c, DType dtype, Device device) {
  static const NamedTensors golden = golden::read("op_table");
  const Result ours = run(c, inputs_of(c), {.dtype = dtype, .device = device});
  double worst = 0;
  const auto compare = [&](const std::string& name, const std::vector<float>& values) {
    const std::vector<float> theirs = golden::at(golden, c.name + "/" + name).to_vector();
    // make_ops.py keeps every n-th, n odd, of more than 2048.
    const size_t step = ((values.size() + 2047) / 2048) | 1;
    std::vector<float> some;
    for (size_t i = 0; i < values.size(); i += step) some.push_back(values[i]);
    worst = std::max(worst, largest_difference({some}, {theirs}));
  };
  for (size_t i = 0; i < ours.outputs.size(); ++i)
    compare("out" + std::to_string(i), ours.outputs[i]);
  for (size_t i = 0; i < ours.gradients.size(); ++i)
    if (is_variable(c.inputs[i])) compare("grad" + std::to_string(i), ours.gradients[i]);
  return worst;
}

}  // namespace lspt::test
