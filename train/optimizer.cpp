#include "train/optimizer.h"

#include <cmath>

#include "engine/parallel.h"

namespace lspt {
namespace {

constexpr int64_t kGrain = 1 << 14;

}  // namespace

void set_decay_groups(const Parameters& parameters, OptimizerKind kind) {
  for (Parameter* parameter : parameters)
    if (kind == OptimizerKind::adamw && parameter->name.find("bias") != std::string::npos)
      parameter->weight_decay = false;
}

Optimizer::Optimizer(const OptimizerConfig& config, const Parameters& parameters)
    : config_(config) {
  if (parameters.empty()) return;
  rates_ = Tensor::zeros({5}, DType::f32, parameters.front()->var.device());
  for (Parameter* parameter : parameters) {
    const Tensor& value = parameter->var.value;
    require(parameter->var.node && value.dtype() == DType::f32, "optimizer: ", parameter->name,
            " is not a trainable f32 parameter");
    Slot slot{parameter, Tensor::zeros(value.shape(), DType::f32, value.device()), {}};
    if (config.kind == OptimizerKind::adamw)
      slot.second = Tensor::zeros(value.shape(), DType::f32, value.device());
    slots_.push_back(std::move(slot));
    value.changed();  // and will be again: no constant
  }
}

void Optimizer::step(float lr) {
  begin(lr);
  apply();
}

void Optimizer::begin(float lr) {
  ++updates_;
  const double t = static_cast<double>(updates_);
  const double correction1 = 1.0 - std::pow(static_cast<double>(config_.beta1), t);
  const double correction2 = 1.0 - std::pow(static_cast<double>(config_.beta2), t);
  if (slots_.empty()) return;
  copy(rates_.slice(0, 4), Tensor::from({lr, static_cast<float>(1.0 / correction1),
                                         static_cast<float>(1.0 / std::sqrt(correction2)), 1.0f},
                                        {4}));
}

void Optimizer::apply() {
  std::vector<Update> updates;
  for (Slot& slot : slots_) {
    const Parameter& parameter = *slot.parameter;
    if (!parameter.var.node->grad) continue;
    updates.push_back({parameter.var.value, std::move(parameter.var.node->grad), slot.first,
                       slot.second, parameter.lr_scale,
                       parameter.weight_decay ? static_cast<float>(config_.weight_decay) : 0.0f});
    parameter.var.node->grad = {};
  }
  measure_gradients(rates_, updates, config_.clip_grad);
  if (config_.kind == OptimizerKind::sgd)
    sgd_update(rates_, updates, config_);
  else
    adamw_update(rates_, updates, config_);
  replayed();
}

double Optimizer::gradient_norm() const {
  return rates_ ? static_cast<double>(rates_.slice(4, 5).to_vector()[0]) : 0;
}

void Optimizer::replayed() {
  for (const Slot& slot : slots_) slot.parameter->var.value.changed();
}

void Optimizer::drop_gradients() {
  for (const Slot& slot : slots_) slot.parameter->var.node->grad = {};
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

void sgd_update(const Tensor& rates, const std::vector<Update>& updates,
                const OptimizerConfig& config) {
  const float lr = rates.data<float>()[0], clip = rates.data<float>()[3];
  for (const Update& u : updates) {
    float *p = u.parameter.data<float>(), *m = u.first.data<float>();
    const float* g = u.gradient.data<float>();
    const float rate = lr * u.lr_scale, decay = u.weight_decay, momentum = config.momentum;
    parallel_for(u.parameter.numel(), kGrain, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        m[i] = momentum * m[i] + (clip * g[i] + decay * p[i]);
        p[i] -= rate * m[i];
      }
    });
  }
}

void adamw_update(const Tensor& rates, const std::vector<Update>& updates,
                  const OptimizerConfig& config) {
  const float* r = rates.data<float>();
  const float correction1 = r[1], correction2 = r[2], clip = r[3];
  const float beta1 = config.beta1, beta2 = config.beta2, epsilon = config.epsilon;
  for (const Update& u : updates) {
    float *p = u.parameter.data<float>(), *m = u.first.data<float>(), *v = u.second.data<float>();
    const float* g = u.gradient.data<float>();
    const float rate = r[0] * u.lr_scale, keep = 1.0f - rate * u.weight_decay;
    const float step = rate * correction1;
    parallel_for(u.parameter.numel(), kGrain, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        const float gradient = clip * g[i];
        m[i] = beta1 * m[i] + (1.0f - beta1) * gradient;
        v[i] = beta2 * v[i] + (1.0f - beta2) * gradient * gradient;
        p[i] = keep * p[i] - step * m[i] / (std::sqrt(v[i]) * correction2 + epsilon);
      }
    });
  }
}

void measure_gradients(const Tensor& rates, const std::vector<Update>& updates, float limit) {
  double squares = 0;
  for (const Update& u : updates) {
    const float* g = u.gradient.data<float>();
    std::vector<double> pieces(static_cast<size_t>((u.gradient.numel() + kGrain - 1) / kGrain));
    parallel_for(u.gradient.numel(), kGrain, [=, &pieces](int64_t begin, int64_t end) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = begin; i < end; ++i)
        sum += static_cast<double>(g[i]) * static_cast<double>(g[i]);
      pieces[static_cast<size_t>(begin / kGrain)] = sum;
    });
    for (const double piece : pieces) squares += piece;
  }
  const double norm = std::sqrt(squares);
  rates.data<float>()[3] =
      limit > 0 ? static_cast<float>(std::min(1.0, static_cast<double>(limit) / (norm + 1e-6))) : 1;
  rates.data<float>()[4] = static_cast<float>(norm);
}

}  // namespace cpu
}  // namespace lspt
