/// Stochastic gradient descent with momentum, and AdamW, with torch.optim's arithmetic.
#pragma once

#include <string>
#include <vector>

#include "engine/kernel.h"
#include "models/parameter.h"

namespace lspt {

enum class OptimizerKind { sgd, adamw };

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::sgd;
  float momentum = 0.9f;                                ///< sgd
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;  ///< adamw
  float weight_decay = 0.0f;
};

/// p a parameter, g its gradient, lr the rate times the parameter's lr_scale, wd the weight decay
/// or 0 if the parameter is exempt, t the number of updates so far.
///   sgd    g' = g + wd p;  m = momentum m + g';  p -= lr m         (the first m is the first g')
///   adamw  p -= lr wd p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g g
///          p -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
/// State is f32. A parameter without a gradient (nothing depended on it) is left alone.
class Optimizer {
 public:
  Optimizer(const OptimizerConfig& config, const Parameters& parameters);

  /// Updates every parameter from its gradient and lets the gradient go.
  void step(float lr);

  /// `momentum.<name>`, or `exp_avg.<name>` and `exp_avg_sq.<name>`; and how many updates there
  /// were.
  NamedTensors state() const;
  int64_t updates() const { return updates_; }
  /// Throws Error(kWeights) if a tensor is missing or has another shape.
  void load_state(const NamedTensors& state, int64_t updates);

 private:
  struct Slot {
    Parameter* parameter;
    Tensor first, second;  // momentum, or the two averages
  };
  OptimizerConfig config_;
  std::vector<Slot> slots_;
  int64_t updates_ = 0;
};

/// One parameter's update in place; all tensors f32 of one shape.
DECLARE_KERNEL(sgd_update, const Tensor& parameter, const Tensor& momentum, const Tensor& gradient,
               float lr, float momentum_factor, float weight_decay);
/// correction1 and correction2 are 1 - beta1^t and 1 - beta2^t.
DECLARE_KERNEL(adamw_update, const Tensor& parameter, const Tensor& exp_avg,
               const Tensor& exp_avg_sq, const Tensor& gradient, float lr,
               const OptimizerConfig& config, float weight_decay, double correction1,
               double correction2);

}  // namespace lspt
