// Optimizers and schedule against their formulas, in double precision.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/weights_fixture.h"
#include "train/optimizer.h"
#include "train/schedule.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

Parameter parameter_of(const std::string& name, const std::vector<float>& values) {
  const auto size = static_cast<int64_t>(values.size());
  return {name, Var::trainable(Tensor::from(values, {size}))};
}

/// The gradient of step t: any fixed numbers of both signs.
std::vector<float> gradient_at(int t, size_t size) {
  std::vector<float> g;
  for (size_t i = 0; i < size; ++i)
    g.push_back(std::sin(static_cast<float>(3 * t + 1) + static_cast<float>(i)));
  return g;
}

void set_gradient(Parameter& p, int t) {
  const size_t size = static_cast<size_t>(p.var.value.numel());
  p.var.node->grad = Tensor::from(gradient_at(t, size), p.var.shape());
}

}  // namespace

TEST_CASE("sgd with momentum decays into the gradient and starts its buffer with it") {
  std::vector<float> start = {1.0f, -2.0f, 0.5f};
  Parameter p = parameter_of("w", start);
  p.lr_scale = 0.5f;
  Optimizer optimizer({.kind = OptimizerKind::sgd, .momentum = 0.9f, .weight_decay = 0.1f}, {&p});
  std::vector<double> x(start.begin(), start.end()), m(3, 0.0);
  for (int t = 0; t < 5; ++t) {
    set_gradient(p, t);
    optimizer.step(0.2f);
    CHECK_FALSE(p.var.node->grad);
    const auto g = gradient_at(t, 3);
    for (size_t i = 0; i < 3; ++i) {
      m[i] = 0.9 * m[i] + g[i] + 0.1 * x[i];
      x[i] -= 0.2 * 0.5 * m[i];
    }
  }
  const auto result = p.var.value.to_vector();
  for (size_t i = 0; i < 3; ++i) CHECK(result[i] == doctest::Approx(x[i]).epsilon(1e-5));
}

TEST_CASE("gradients together longer than --clip-grad are shortened to it, shorter ones are not") {
  for (const float limit : {0.5f, 100.0f, 0.0f}) {
    Parameter p = parameter_of("p", {1.0f, 2.0f}), q = parameter_of("q", {3.0f});
    Optimizer optimizer({.momentum = 0.0f, .clip_grad = limit}, {&p, &q});
    p.var.node->grad = Tensor::from({2.0f, -1.0f}, {2});
    q.var.node->grad = Tensor::from({2.0f}, {1});  // the norm of all is 3
    optimizer.step(1.0f);
    const double scale = limit == 0.5f ? 0.5 / 3 : 1.0;
    CHECK(p.var.value.to_vector()[0] == doctest::Approx(1 - 2 * scale).epsilon(1e-5));
    CHECK(p.var.value.to_vector()[1] == doctest::Approx(2 + scale).epsilon(1e-5));
    CHECK(q.var.value.to_vector()[0] == doctest::Approx(3 - 2 * scale).epsilon(1e-5));
  }
}

TEST_CASE("adamw decays beside the gradient and corrects both averages") {
  std::vector<float> start = {1.0f, -2.0f, 0.5f, 3.0f};
  Parameter p = parameter_of("w", start);
  Optimizer optimizer({.kind = OptimizerKind::adamw, .weight_decay = 0.05f}, {&p});
  std::vector<double> x(start.begin(), start.end()), m(4, 0.0), v(4, 0.0);
  for (int t = 1; t <= 6; ++t) {
    set_gradient(p, t);
    optimizer.step(0.01f);
    const auto g = gradient_at(t, 4);
    for (size_t i = 0; i < 4; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(0.9, t)), v_hat = v[i] / (1 - std::pow(0.999, t));
      x[i] = x[i] - 0.01 * 0.05 * x[i] - 0.01 * m_hat / (std::sqrt(v_hat) + 1e-8);
    }
  }
  const auto result = p.var.value.to_vector();
  for (size_t i = 0; i < 4; ++i) CHECK(result[i] == doctest::Approx(x[i]).epsilon(1e-5));
}

TEST_CASE("an exempt parameter does not decay, and one without a gradient is left alone") {
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adamw}) {
    Parameter decays = parameter_of("a", {1.0f}), exempt = parameter_of("b", {1.0f}),
              idle = parameter_of("c", {1.0f});
    exempt.weight_decay = false;
    Optimizer optimizer({.kind = kind, .weight_decay = 0.5f}, {&decays, &exempt, &idle});
    decays.var.node->grad = exempt.var.node->grad = Tensor::zeros({1});
    optimizer.step(0.1f);
    CHECK(decays.var.value.to_vector()[0] == doctest::Approx(0.95));
    CHECK(exempt.var.value.to_vector()[0] == 1.0f);
    CHECK(idle.var.value.to_vector()[0] == 1.0f);
  }
}

TEST_CASE("an optimizer whose state is saved and loaded goes on to the same bits") {
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adamw}) {
    const OptimizerConfig config{.kind = kind, .weight_decay = 0.01f};
    Parameter straight = parameter_of("w", {1.0f, 2.0f}), stopped = parameter_of("w", {1.0f, 2.0f});
    Optimizer one(config, {&straight}), first(config, {&stopped});
    for (int t = 0; t < 6; ++t) {
      set_gradient(straight, t);
      one.step(0.1f);
    }
    for (int t = 0; t < 3; ++t) {
      set_gradient(stopped, t);
      first.step(0.1f);
    }
    Optimizer second(config, {&stopped});
    second.load_state(first.state(), first.updates());
    for (int t = 3; t < 6; ++t) {
      set_gradient(stopped, t);
      second.step(0.1f);
    }
    CHECK(straight.var.value.to_vector() == stopped.var.value.to_vector());
  }
}

TEST_CASE("optimizer state that is missing or misshapen is refused") {
  Parameter p = parameter_of("w", {1.0f, 2.0f});
  Optimizer optimizer({}, {&p});
  CHECK(contains(error_of([&] { optimizer.load_state({}, 1); }),
                 "4: optimizer state momentum.w: missing, (2) expected"));
  CHECK(contains(error_of([&] {
                   optimizer.load_state({{"momentum.w", Tensor({3})}}, 1);
                 }),
                 "(3), (2) expected"));
}

TEST_CASE("the learning rate rises in the warm-up, falls along a cosine, and is never zero") {
  const Schedule schedule{.lr = 2.0, .epochs = 10, .warmup_epochs = 2, .steps_per_epoch = 5};
  CHECK(schedule.at(0, 0) == doctest::Approx(0.2));
  CHECK(schedule.at(1, 4) == doctest::Approx(2.0));
  CHECK(schedule.at(2, 0) == doctest::Approx(2.0));
  CHECK(schedule.at(6, 0) == doctest::Approx(1.0));
  CHECK(schedule.at(9, 4) == doctest::Approx(1.0 + std::cos(M_PI * 39 / 40)));
  CHECK(schedule.at(9, 4) > 0);
}

TEST_CASE("the schedule per epoch is VPT's: nothing in epoch 0, full rate after the warm-up") {
  const Schedule schedule{
      .lr = 1.0, .epochs = 100, .warmup_epochs = 10, .steps_per_epoch = 47, .per_epoch = true};
  CHECK(schedule.at(0, 46) == 0.0);
  CHECK(schedule.at(1, 0) == doctest::Approx(0.1));
  CHECK(schedule.at(9, 3) == doctest::Approx(0.9));
  CHECK(schedule.at(10, 0) == doctest::Approx(1.0));
  CHECK(schedule.at(55, 0) == doctest::Approx(0.5));
  CHECK(schedule.at(99, 0) == doctest::Approx(0.0003).epsilon(0.02));
}

TEST_CASE("min-lr is where the cosine ends, and no warm-up starts at the full rate") {
  const Schedule schedule{
      .lr = 1.0, .min_lr = 0.25, .epochs = 2, .warmup_epochs = 0, .steps_per_epoch = 1000};
  CHECK(schedule.at(0, 0) == 1.0);
  CHECK(schedule.at(1, 999) == doctest::Approx(0.25).epsilon(1e-4));
}

TEST_CASE("adamw spares biases, sgd only what the model exempts") {
  Parameter weight = parameter_of("blocks.0.attn.qkv.weight", {1.0f});
  Parameter bias = parameter_of("lspt.lstm.bias_ih", {1.0f});
  set_decay_groups({&weight, &bias}, OptimizerKind::sgd);
  CHECK(weight.weight_decay);
  CHECK(bias.weight_decay);
  set_decay_groups({&weight, &bias}, OptimizerKind::adamw);
  CHECK(weight.weight_decay);
  CHECK_FALSE(bias.weight_decay);
}
