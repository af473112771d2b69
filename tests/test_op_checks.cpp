// The checks of the op table, checked with ops that are wrong on purpose.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/op_checks.h"

using namespace lspt;
using namespace lspt::test;

namespace {

Tensor map(const Tensor& x, float (*f)(float)) {
  std::vector<float> values = x.to_vector();
  for (float& value : values) value = f(value);
  return to_dtype(Tensor::from(values, x.shape()), x.dtype());
}

Tensor times(const Tensor& a, const Tensor& b, float factor) {
  std::vector<float> values = a.to_vector();
  const std::vector<float> others = b.to_vector();
  for (size_t i = 0; i < values.size(); ++i) values[i] *= factor * others[i];
  return to_dtype(Tensor::from(values, a.shape()), a.dtype());
}

/// y = x^2 with dx = factor x dy; right for factor 2.
Vars square(const Vars& x, float factor) {
  const Tensor y = map(x[0].value, [](float v) { return v * v; });
  if (!recording({&x[0]})) return {y};
  return {record("square", {&x[0]}, y, [kept = x[0].value, factor](Backward& b) {
    b.add(0, times(b.grad(), kept, factor));
  })};
}

/// y = a + b; what `backward` makes of it is up to the test.
Vars sum(const Vars& x, const BackwardFunction& backward) {
  std::vector<float> values = x[0].value.to_vector();
  const std::vector<float> others = x[1].value.to_vector();
  for (size_t i = 0; i < values.size(); ++i) values[i] += others[i];
  const Tensor y = to_dtype(Tensor::from(values, x[0].shape()), x[0].dtype());
  if (!recording({&x[0], &x[1]})) return {y};
  return {record("sum", {&x[0], &x[1]}, y, backward)};
}

OpCase one_input(const std::function<Vars(const Vars&, DType)>& apply) {
  return {"wrong", {{{3, 4}}}, apply};
}
OpCase two_inputs(const BackwardFunction& backward) {
  return {"wrong", {{{3, 4}}, {{3, 4}}}, [backward](const Vars& x, DType) -> Vars {
            return sum(x, backward);
          }};
}

}  // namespace

TEST_CASE("the checks pass an op that is right") {
  const OpCase c = one_input([](const Vars& x, DType) { return square(x, 2.0f); });
  CHECK(gradient_error(c) < c.tolerance);
  CHECK(accumulation_error(c, DType::f32) < 1e-6);
  CHECK(bf16_error(c) < 0.03);
  CHECK(recorded_for_nothing(c) == "");
  CHECK(frozen_difference(two_inputs([](Backward& b) {
          b.add(0, b.grad());
          b.add(1, b.grad());
        })) == 0.0);
}

TEST_CASE("the gradient check sees a backward that is wrong") {
  CHECK(gradient_error(one_input([](const Vars& x, DType) { return square(x, 1.0f); })) > 0.3);
  CHECK(gradient_error(one_input([](const Vars& x, DType) { return square(x, 2.02f); })) > 5e-3);
}

TEST_CASE("the gradient check sees a softmax whose backward is zero") {
  // The sum of a softmax is constant: with equal weights a zero gradient would be right.
  const OpCase c = one_input([](const Vars& x, DType) -> Vars {
    std::vector<float> values = x[0].value.to_vector();
    for (size_t row = 0; row < values.size(); row += 4) {
      float total = 0;
      for (size_t j = row; j < row + 4; ++j) total += values[j] = std::exp(values[j]);
      for (size_t j = row; j < row + 4; ++j) values[j] /= total;
    }
    const Tensor y = Tensor::from(values, x[0].shape());
    if (!recording({&x[0]})) return {y};
    return {record("softmax", {&x[0]}, y,
                   [](Backward& b) { b.add(0, Tensor::zeros(b.grad().shape())); })};
  });
  CHECK(gradient_error(c) > 0.3);
}

TEST_CASE("the gradient check sees a gradient that never arrives or is not a number") {
  CHECK(gradient_error(two_inputs([](Backward& b) { b.add(0, b.grad()); })) > 0.3);
  CHECK(gradient_error(two_inputs([](Backward& b) {
          b.add(0, b.grad());
          b.add(1, map(b.grad(), [](float) { return NAN; }));
        })) > 0.3);
}

TEST_CASE("the freezing check sees a gradient that depends on what else is wanted") {
  CHECK(frozen_difference(two_inputs([](Backward& b) {
          b.add(0, b.wanted(1) ? b.grad() : times(b.grad(), b.grad(), 1.0f));
          b.add(1, b.grad());
        })) > 0.1);
}

TEST_CASE("the accumulation check sees a backward that overwrites") {
  const OpCase c = two_inputs([](Backward& b) {
    b.add(0, b.grad());
    copy(b.into(1).grad, b.grad());
  });
  CHECK(accumulation_error(c, DType::f32) > 0.1);
}

TEST_CASE("the bf16 check sees an op that is less exact than bf16") {
  CHECK(bf16_error(one_input([](const Vars& x, DType dtype) {
          return square(x, dtype == DType::bf16 ? 2.2f : 2.0f);
        })) > 0.05);
}

TEST_CASE("the recording check sees an op that records constants") {
  CHECK(recorded_for_nothing(one_input([](const Vars& x, DType) -> Vars {
          if (!Tape::current()) return {x[0].value};
          return {record("wrong", {&x[0]}, x[0].value, [](Backward&) {})};
        })) != "");
}

TEST_CASE("the shape check sees an op that takes any shape") {
  CHECK(wrong_shapes_accepted(one_input([](const Vars& x, DType) { return square(x, 2.0f); })) !=
        "");
}
