/// The op table: every op as a name, input shapes and a lambda. test_ops.cpp (make test) and
/// ops.cpp (make ops) run every entry through every check of op_checks.h, so that a new op is
/// tested by adding a row to op_cases.cpp and its PyTorch form to tests/golden/make_ops.py.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tape.h"

namespace lspt::test {

using Vars = std::vector<Var>;

/// What an input is to the op. Constants are f32, have no gradient and come after the others.
enum class Role { variable, constant, probabilities };  // rows that sum to 1

struct Input {
  Shape shape;
  bool f32 = false;        ///< stays f32 when the op runs in bf16 (biases, norms, cell state)
  bool any_shape = false;  ///< no other shape is wrong, so none is tried
  Shape wrong = {};        ///< a shape that must throw; default: the last extent plus one
  float shift = 0.0f;      ///< values are standard normal plus this
  Role role = Role::variable;
};

struct OpCase {
  std::string name;
  std::vector<Input> inputs;
  /// The op on Vars made from `inputs`, in compute type `dtype`.
  std::function<Vars(const Vars& x, DType dtype)> apply;
  double tolerance = 1e-3;  ///< of central differences, relative to the largest gradient
  /// The op multiplies matrices. A frozen weight is then multiplied from the library's packed
  /// layout with GELU as the product's epilogue: the same sums, not always the same last bit.
  bool products = false;
};

const std::vector<OpCase>& op_cases();

/// Cases of ViT-B/16's sizes for so many images, named as the rows of the table that they are.
std::vector<OpCase> vit_base_cases(int64_t images);

}  // namespace lspt::test
