/// What a pre-training run keeps.
///
///   last.safetensors     all parameters under the names of MAE's checkpoints, AdamW's averages as
///                        optimizer.NAME, and where the run stands: what --resume goes on from.
///   encoder.safetensors  the encoder alone, as MAE publishes it: what timm loads as it is.
///
/// `lspt train --weights` takes either.
#pragma once

#include <string>

#include "models/mae.h"

namespace lspt {

/// Sums are of the epoch under way.
struct PretrainProgress {
  int64_t epoch = 0;    ///< epochs finished
  int64_t step = 0;     ///< steps done in the next one
  int64_t updates = 0;  ///< optimizer updates so far
  double loss_sum = 0;  ///< over images
  int64_t seen = 0;
};

struct PretrainState {
  std::string model_name = {};  ///< the encoder's; written for readers, not read
  std::string config;           ///< settings that the result depends on, as JSON
  PretrainProgress progress = {};
  std::string data_sha256;  ///< of the training images' names and sizes when the run began
  NamedTensors model = {}, optimizer = {};
};

/// Atomically; the same state gives the same bytes. Throws Error(kWrite), and Error(kDiverged) if a
/// tensor has a value that is not finite.
void save_pretrain_state(const std::string& path, const PretrainState& state);
/// Tensors are views of the mapped file. Throws Error(kWeights) if it is no such file or damaged.
PretrainState load_pretrain_state(const std::string& path);

/// The encoder's values under MAE's names, and which `model` it is.
void save_encoder(const std::string& path, const NamedTensors& encoder, const std::string& model);

}  // namespace lspt
