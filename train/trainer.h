/// The training loop.
#pragma once

#include "data/loader.h"
#include "models/model.h"
#include "train/checkpoint.h"
#include "train/console.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/run_folder.h"
#include "train/schedule.h"
#include "train/setup.h"
#include "train/step.h"

namespace lspt {

/// Runs the epochs that a checkpoint has left, evaluates after each, and keeps metrics.csv,
/// curves.svg, last.safetensors and best.safetensors (highest top-1 on `evaluation`) in the folder.
///
/// Everything a step depends on is a function of (seed, epoch, step), so a run that was stopped,
/// even in the middle of an epoch, goes on bit for bit.
class Trainer {
 public:
  /// `state` says where to start (its trained tensors are already in the model) and is kept up to
  /// date. `split` is what people call the images of `evaluation`: "val" or "test".
  Trainer(Checkpoint& state, Model& model, BatchSource& train, BatchSource& evaluation,
          const std::string& split, const RunFolder& folder, Console& console);

  /// Returns 0, or the signal that asked to stop: the step under way is finished and
  /// last.safetensors saved first. Throws Error(kDiverged) if the loss becomes non-finite or
  /// larger than a million, before the step is taken; Error(kWrite) if a file cannot be written,
  /// the earlier one is kept then.
  int run();
  const std::vector<EpochRow>& rows() const { return rows_; }

 private:
  bool train_epoch(EpochRow& row);
  float train_step(const Batch& batch, double lr);
  void report_step(const EpochRow& row, double loss, double seconds, int64_t begun);
  std::optional<Evaluation> evaluate_epoch();
  void finish_epoch(EpochRow row, const Evaluation& evaluation);
  void save(const std::string& name);
  int stop();

  Checkpoint& state_;
  const Options& options_;
  Progress& progress_;
  Model& model_;
  BatchSource &train_, &evaluation_;
  const std::string split_;
  const RunFolder& folder_;
  Console& console_;
  LoaderWatch watch_;
  Optimizer optimizer_;
  TrainStep step_;
  Schedule schedule_;
  std::vector<EpochRow> rows_;
  double evaluation_seconds_ = 0;  // of the last evaluation, for the ETA
};

Schedule schedule_of(const Options& options, int64_t steps_per_epoch);

}  // namespace lspt
