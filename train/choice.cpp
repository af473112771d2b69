#include "train/choice.h"

#include <algorithm>
#include <cmath>

#include "train/checkpoint.h"

namespace lspt {

double standard_error(double top1, int64_t images) {
  return std::sqrt(top1 * (100 - top1) / static_cast<double>(std::max<int64_t>(images, 1)));
}

bool is_chosen(Choose rule, double top1, double highest, int64_t images) {
  if (rule == Choose::last || top1 > highest) return true;
  return rule == Choose::one_se && top1 >= highest - standard_error(highest, images);
}

Progress after_epoch(const Progress& before, Choose rule, double top1, int64_t images) {
  Progress after{.epoch = before.epoch + 1,
                 .updates = before.updates,
                 .best_top1 = before.best_top1,
                 .best_epoch = before.best_epoch,
                 .chosen_top1 = before.chosen_top1,
                 .chosen_epoch = before.chosen_epoch};
  if (is_chosen(rule, top1, before.best_top1, images)) {
    after.chosen_top1 = top1;
    after.chosen_epoch = after.epoch;
  }
  if (top1 > before.best_top1) {
    after.best_top1 = top1;
    after.best_epoch = after.epoch;
  }
  return after;
}

}  // namespace lspt
