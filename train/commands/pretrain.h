/// What pretrain and bench have in common.
#pragma once

#include "models/mae.h"
#include "train/settings/options.h"

namespace lspt {

/// Puts --embed-dim, --depth, --num-heads, --patch-size and --img-size into the model's name, and
/// all of its sizes into these.
void settle_sizes(Options& options);
/// Fills the decoder's sizes where none are given (models/mae.h: scale_decoder).
void resolve_decoder(Options& options);
/// The masked autoencoder that resolved options describe.
MaeConfig mae_config(const Options& options);

}  // namespace lspt
