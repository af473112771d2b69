#include "train/optimizer.h"

#include <cmath>

#include "engine/memory.h"
#include "engine/parallel.h"

namespace lspt {
namespace {

constexpr int64_t kGrain = 1 << 14;

}  // namespace

Optimizer::Optimizer(const OptimizerConfig& config, const Parameters& parameters)
    : config_(config) {
  for (Parameter* parameter : parameters) {
    const Tensor& value = parameter->var.value;
    require(parameter->var.node && value.dtype() == DType::f32, "optimizer: ", parameter->name,
            " is not a trainable f32 parameter");
    Slot slot{parameter, Tensor::zeros(value.shape(), DType::f32, value.device()), {}};
    if (config.kind == OptimizerKind::adamw)
      slot.second = Tensor::zeros(value.shape(), DType::f32, value.device());
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::step(float lr) {
  ++updates_;
  const double t = static_cast<double>(updates_);
  const double correction1 = 1.0 - std::pow(static_cast<double>(config_.beta1), t);
  const double correction2 = 1.0 - std::pow(static_cast<double>(config_.beta2), t);
  for (Slot& slot : slots_) {
    Parameter& parameter = *slot.parameter;
    Tensor& gradient = parameter.var.node->grad;
    if (!gradient) continue;
    const float rate = lr * parameter.lr_scale;
    const float decay = parameter.weight_decay ? config_.weight_decay : 0.0f;
    if (config_.kind == OptimizerKind::sgd)
      sgd_update(parameter.var.value, slot.first, gradient, rate, config_.momentum, decay);
    else
      adamw_update(parameter.var.value, slot.first, slot.second, gradient, rate, config_, decay,
                   correction1, correction2);
    parameter.var.value.changed();
    gradient = {};
  }
}

NamedTensors Optimizer::state() const {
  NamedTensors state;
  for (const Slot& slot : slots_) {
    const std::string& name = slot.parameter->name;
    if (config_.kind == OptimizerKind::sgd) {
      state["momentum." + name] = slot.first;
    } else {
      state["exp_avg." + name] = slot.first;
      state["exp_avg_sq." + name] = slot.second;
    }
  }
  return state;
}

void Optimizer::load_state(const NamedTensors& from, int64_t updates) {
  for (const auto& [name, mine] : state()) {
    const auto it = from.find(name);
    require(it != from.end() && it->second.shape() == mine.shape(), ErrorKind::kWeights,
            "optimizer state ", name, ": ",
            it == from.end() ? "missing" : it->second.shape().to_string(), ", ", mine.shape(),
            " expected");
    copy(mine, it->second);
  }
  updates_ = updates;
}

namespace cpu {

void sgd_update(const Tensor& parameter, const Tensor& momentum, const Tensor& gradient, float lr,
                float momentum_factor, float weight_decay) {
  float* p = parameter.data<float>();
  float* m = momentum.data<float>();
  const float* g = gradient.data<float>();
  parallel_for(parameter.numel(), kGrain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      m[i] = momentum_factor * m[i] + (g[i] + weight_decay * p[i]);
      p[i] -= lr * m[i];
    }
  });
}

void adamw_update(const Tensor& parameter, const Tensor& exp_avg, const Tensor& exp_avg_sq,
                  const Tensor& gradient, float lr, const OptimizerConfig& config,
                  float weight_decay, double correction1, double correction2) {
  float* p = parameter.data<float>();
  float* m = exp_avg.data<float>();
  float* v = exp_avg_sq.data<float>();
  const float* g = gradient.data<float>();
  const float keep = 1.0f - lr * weight_decay, beta1 = config.beta1, beta2 = config.beta2;
  const float step = static_cast<float>(lr / correction1), epsilon = config.epsilon;
  const float root = static_cast<float>(std::sqrt(correction2));
  parallel_for(parameter.numel(), kGrain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
      v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
      p[i] = keep * p[i] - step * m[i] / (std::sqrt(v[i]) / root + epsilon);
    }
  });
}

}  // namespace cpu
}  // namespace lspt
