/// Default settings of each method, and how what the user left open is decided.
#pragma once

#include <optional>
#include <string>

#include "train/inputs/backbone.h"
#include "train/settings/options.h"

namespace lspt {

/// Where no --model is given: the one that the weights fit. Throws Error(kWeights).
void settle_model(Options& options);

/// Fills everything that depends on the method or on the weights and was not given. Throws
/// Error(kUsage) for a flag that the method cannot use.
void resolve(Options& options, const std::optional<WeightsHint>& weights);

/// What the flag needs to have an effect with options that are resolved; "" if it has one.
std::string needs_of(const Options& options, const std::string& flag);

/// Settles --transform and what goes with it for a data set of that layout. Throws Error(kUsage)
/// for a flag that the transform cannot use.
void resolve_transform(Options& options, const std::string& layout);

/// All that is left open, when data and weights are there.
inline void settle(Options& options, const std::string& layout,
                   const std::optional<WeightsHint>& weights) {
  resolve_transform(options, layout);
  resolve(options, weights);
}

}  // namespace lspt
