/// Which epoch of a run is kept, and how sure an accuracy is.
#pragma once

#include <cstdint>

namespace lspt {

struct Progress;

enum class Choose { one_se, best, last };

/// Of an accuracy in percent on so many images, in percent: 100 sqrt(p (1 - p) / n).
double standard_error(double top1, int64_t images);

/// Whether the epoch just evaluated, with `top1` on so many images, is the one to keep; `highest`
/// is the highest top-1 of the epochs before it, and `rule` says --choose.
///   best     it is higher than all before (timm)
///   last     always (VPT)
///   one-se   it is within one standard error of the highest: the one-standard-error rule of CART
///            (Breiman et al. 1984, "Classification and Regression Trees", 3.4.3). What is no worse
///            than chance could make the best is taken for equal to it, and of equals the last is
///            taken, at which the learning rate has come down. Of the 30 images of a small
///            validation split the highest top-1 is mostly luck.
bool is_chosen(Choose rule, double top1, double highest, int64_t images);

/// Where the run stands when an epoch with that top-1 on so many images is done.
Progress after_epoch(const Progress& before, Choose rule, double top1, int64_t images);

}  // namespace lspt
