/// Stochastic gradient descent with momentum, and AdamW, with torch.optim's arithmetic.
#pragma once

#include <string>
#include <vector>

#include "engine/kernel.h"
#include "models/parameter.h"

namespace lspt {

/// lbfgs fits a head at one go (head_fit.h) and has no updates.
enum class OptimizerKind { sgd, adamw, lbfgs };

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::sgd;
  float momentum = 0.9f;                                ///< sgd
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;  ///< adamw
  double weight_decay = 0.0;
  float clip_grad = 0.0f;  ///< largest norm of all gradients together; 0 = no limit
};

/// Which parameters decay: AdamW spares every bias, as VPT's does; else as the model says.
void set_decay_groups(const Parameters& parameters, OptimizerKind kind);

/// p a parameter, g its gradient, lr the rate times the parameter's lr_scale, wd the weight decay
/// or 0 if the parameter is exempt, t the number of updates so far.
///   clip   g *= min(1, clip_grad / (|all g| + 1e-6))        as torch.nn.utils.clip_grad_norm_
///   sgd    g' = g + wd p;  m = momentum m + g';  p -= lr m         (the first m is the first g')
///   adamw  p -= lr wd p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g g
///          p -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
/// State is f32. A parameter without a gradient (nothing depended on it) is left alone.
class Optimizer {
 public:
  /// All parameters are on one device.
  Optimizer(const OptimizerConfig& config, const Parameters& parameters);

  /// Updates every parameter from its gradient and lets the gradient go: begin, then apply.
  void step(float lr);
  /// Counts an update and brings what changes from one to the next to the device ...
  void begin(float lr);
  /// ... so that all the rest can be captured once and replayed.
  void apply();
  /// After `apply` was replayed: what was derived from the parameters is out of date.
  void replayed();
  /// Forgets gradients that no `apply` will take.
  void drop_gradients();

  /// |all g| of the last update, before the limit.
  double gradient_norm() const;

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
  Tensor rates_;  // see below
  int64_t updates_ = 0;
};

/// One parameter's share of an update; all tensors f32 of one shape, changed in place.
struct Update {
  Tensor parameter, gradient, first, second;
  float lr_scale, weight_decay;
};

/// rates (5) f32 on the parameters' device: lr, 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t), what
/// gradients are multiplied by, and their norm. All parameters in one pass.
DECLARE_KERNEL(sgd_update, const Tensor& rates, const std::vector<Update>& updates,
               const OptimizerConfig& config);
DECLARE_KERNEL(adamw_update, const Tensor& rates, const std::vector<Update>& updates,
               const OptimizerConfig& config);
/// rates[4] = norm of all gradients, rates[3] = min(1, limit / (norm + 1e-6)), or 1 if limit is 0.
DECLARE_KERNEL(measure_gradients, const Tensor& rates, const std::vector<Update>& updates,
               float limit);

}  // namespace lspt
