/// The training loop.
#pragma once

#include <chrono>

#include "data/loader.h"
#include "models/model.h"
#include "train/checkpoint.h"
#include "train/head_fit.h"
#include "train/health.h"
#include "train/inputs/loader_watch.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/output/console.h"
#include "train/output/progress_report.h"
#include "train/output/run_folder.h"
#include "train/schedule.h"
#include "train/step.h"

namespace lspt {

/// Runs the epochs that a checkpoint has left, evaluates after each, and keeps metrics.csv,
/// curves.svg, last.safetensors and best.safetensors (the epoch that --choose says, by its top-1 on
/// `evaluation`) in the folder.
///
/// With --opt lbfgs an epoch keeps what the head reads of every image, as the loader makes it that
/// time; then the head is fitted to all of it (head_fit.h). What is kept is not saved: a run that
/// goes on looks at the images of its finished epochs again.
///
/// last.safetensors is also saved every --save-interval minutes, which a killed run goes on from.
///
/// Everything a step depends on is a function of (seed, epoch, step), so a run that was stopped,
/// even in the middle of an epoch, goes on bit for bit.
class Trainer {
 public:
  /// `state` says where to start (its trained tensors are already in the model) and is kept up to
  /// date. `split` is what people call the images of `evaluation`: "val" or "test"; `chance` the
  /// largest class's share of the training images, in percent.
  Trainer(Checkpoint& state, Model& model, BatchSource& train, BatchSource& evaluation,
          const std::string& split, double chance, const RunFolder& folder, Console& console);

  /// Returns 0, or the signal that asked to stop: the step under way is finished and
  /// last.safetensors saved first. Throws Error(kDiverged) if the loss becomes non-finite or
  /// larger than a million, before the step is taken; Error(kWrite) if a file cannot be written,
  /// the earlier one is kept then.
  int run();
  /// So many batches are tested after run(): part of the time left that it says.
  void test_follows(int64_t batches) { report_.test_follows(batches); }
  const std::vector<EpochRow>& rows() const { return rows_; }
  /// Why the model has learned nothing, or "" (health.h).
  std::string failed() const { return health_.failed(rows_); }

 private:
  bool train_epoch(EpochRow& row);
  bool look_again();
  void fit();
  bool fit_first_head();
  void start_prompts();
  float train_step(const Batch& batch, double lr);
  std::optional<Evaluation> evaluate_epoch();
  void finish_epoch(EpochRow row, const Evaluation& evaluation);
  bool out_of_patience() const;
  std::string look_inside(bool last);
  void warn(const std::string& text);
  void save(const std::string& name);
  void save_if_due();
  int stop();

  Checkpoint& state_;
  const TrainSettings& settings_;
  Progress& progress_;
  Model& model_;
  BatchSource &train_, &evaluation_;
  const std::string split_;
  const RunFolder& folder_;
  Console& console_;
  LoaderWatch watch_;
  ProgressReport report_;
  Optimizer optimizer_;
  TrainStep step_;
  std::optional<KeptFeatures> kept_;  // with --opt lbfgs
  double decay_ = 1;                  // of the last fit
  Schedule schedule_;
  std::vector<EpochRow> rows_;
  Health health_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  double save_seconds_ = 0;  // that the last save took
};

}  // namespace lspt
