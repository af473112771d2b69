/// Learning rate: linear warm-up, then a cosine. A function of the step alone, so that resuming
/// needs nothing saved.
#pragma once

#include <cstdint>

namespace lspt {

/// t counts steps, or epochs if `per_epoch`; T of them in all, W in the warm-up.
///   per step   t < W: lr (t + 1) / W    else  min_lr + (lr - min_lr) (1 + cos(pi (t - W) / (T -
///   W))) / 2 per epoch  t < W: lr t / W          else  the same
/// `per_epoch` is VPT's schedule to the letter (Jia et al. 2022, their code): its epoch 0 runs at
/// a rate of 0, so that a hundredth of the training moves nothing but the momentum. Per step, the
/// default, follows the same curve but has no step at 0.
struct Schedule {
  double lr = 0.1, min_lr = 0.0;
  int64_t epochs = 100, warmup_epochs = 10, steps_per_epoch = 1;
  bool per_epoch = false;

  /// The rate of step `step` (from 0, within the epoch) of epoch `epoch` (from 0).
  double at(int64_t epoch, int64_t step) const;
};

}  // namespace lspt
