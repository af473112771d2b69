/// The loop of masked-autoencoder pre-training.
#pragma once

#include <chrono>
#include <optional>

#include "train/inputs/loader_watch.h"
#include "train/optimizer.h"
#include "train/output/console.h"
#include "train/output/run_folder.h"
#include "train/pretrain/picture.h"
#include "train/pretrain/rows.h"
#include "train/pretrain/settings.h"
#include "train/pretrain/state.h"
#include "train/schedule.h"
#include "train/step.h"

namespace lspt {

/// Runs the epochs that a state has left; keeps metrics.csv, curves.svg, last.safetensors and
/// encoder.safetensors in the folder, and the pictures and probes that the settings ask for.
///
/// What a step computes is a function of (seed, epoch, step), its images' numbers and the weights,
/// so a run that was stopped or killed goes on bit for bit from last.safetensors, which is also
/// saved in the middle of epochs.
class Pretrainer {
 public:
  /// `state` says where to start; its tensors are in the model already.
  Pretrainer(const PretrainSettings& settings, PretrainState& state, Mae& model,
             const Dataset& data, const RunFolder& folder, Console& console);

  /// Returns 0, or the signal that asked to stop, everything saved. Throws Error(kDiverged) before
  /// a step whose loss is not finite is taken, Error(kData) and Error(kWrite).
  int run();

 private:
  bool train_epoch(PretrainRow& row);
  float train_step(const Batch& batch, double lr);
  void say_step(const PretrainRow& row, float loss, int64_t begun);
  void finish_epoch(PretrainRow row);
  void look(PretrainRow& row);
  void save();
  void save_if_due();
  int stop();

  const PretrainSettings& settings_;
  PretrainState& state_;
  PretrainProgress& progress_;
  Mae& model_;
  const Dataset& data_;
  const RunFolder& folder_;
  Console& console_;
  Loader images_;
  LoaderWatch watch_;
  Optimizer optimizer_;
  TrainStep step_;
  Schedule schedule_;
  std::vector<PretrainRow> rows_;
  std::optional<Batch> pictured_;  // the same images in every picture
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  double save_seconds_ = 0;
};

}  // namespace lspt
