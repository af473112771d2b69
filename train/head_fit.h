/// The best linear head of a frozen backbone: what the head reads is kept of every look at the
/// images, and the head is fitted to all of it.
#pragma once

#include "train/inputs/kept_features.h"

namespace lspt {

struct FitSettings {
  double decay = 0;      ///< 0: chosen
  double smoothing = 0;  ///< of labels
  uint64_t seed = 0;
};

struct FitReport {
  double decay = 0;
  int64_t looks = 0, iterations = 0;  ///< rows fitted, and iterations of all decays together
  int64_t tried = 0;                  ///< decays; 0 where none was chosen
};

/// Multinomial logistic regression by L-BFGS (Liu and Nocedal 1989; liblbfgs). With
/// z = (x - mean) / s, `mean` by channel and s the root mean square of all channels around it,
///   minimize over W (K, D), b (K)   mean cross-entropy of z W^T + b  +  decay / 2 |W|^2,
/// from the head that the model has; it gets W / s and b - W mean / s. One s for all channels makes
/// a decay mean the same for every backbone and leaves the solution what it is.
///
/// With `thorough` the decay is chosen, if none is set: from `from` down by a factor of 10^-1/2
/// each, every one solved from the solution before, until the cross-entropy on `choice` has risen
/// twice. Where there are no such images a fifth of the training images, by `seed`, are held out
/// for that and all are fitted again. Otherwise `from` stays the decay and a few iterations follow
/// what is new.
FitReport fit_head(Model& model, const KeptFeatures& train, const KeptFeatures& choice, double from,
                   bool thorough, const FitSettings& settings);

}  // namespace lspt
