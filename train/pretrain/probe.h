/// How well a linear head reads what an encoder has learned.
#pragma once

#include "data/loader.h"
#include "models/mae.h"

namespace lspt {

struct LinearProbe {
  double top1 = 0;  ///< percent
  int64_t images = 0;
  const char* split = "";  ///< "test", or "val" where there is no test
  double decay = 0;        ///< of the head's fit
};

/// Whether a data set has labels to tell apart and images to judge on.
bool can_probe(const Dataset& data);

/// The features of every training image are computed once, without augmentation, pooled as MAE's
/// are (final norm of the patches' mean), and a head is fitted to them (head_fit.h), its weight
/// decay chosen on the validation images if others are judged on, else on a fifth of the training
/// images.
LinearProbe linear_probe(Mae& mae, const Dataset& data, const LoaderOptions& looks, uint64_t seed);

}  // namespace lspt
