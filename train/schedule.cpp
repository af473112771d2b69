#include "train/schedule.h"

#include <algorithm>
#include <cmath>

namespace lspt {

double Schedule::at(int64_t epoch, int64_t step) const {
  const int64_t unit = per_epoch ? 1 : steps_per_epoch;
  const int64_t t = per_epoch ? epoch : epoch * steps_per_epoch + step;
  const int64_t warm = warmup_epochs * unit, total = epochs * unit;
  if (t < warm) return lr * static_cast<double>(per_epoch ? t : t + 1) / static_cast<double>(warm);
  const double done =
      static_cast<double>(t - warm) / static_cast<double>(std::max<int64_t>(total - warm, 1));
  return min_lr + (lr - min_lr) * 0.5 * (1.0 + std::cos(M_PI * done));
}

}  // namespace lspt
