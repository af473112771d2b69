/// What a run says as it goes on.
#pragma once

#include <optional>

#include "data/loader.h"
#include "train/output/console.h"
#include "train/output/event_log.h"
#include "train/output/json_log.h"
#include "train/output/run_folder.h"
#include "train/settings/train_settings.h"

namespace lspt {

/// Steps and epochs to the terminal and log.txt, with the time that is left; and, where they are
/// asked for, to log.jsonl and TensorBoard's file.
class ProgressReport {
 public:
  ProgressReport(const TrainSettings& settings, const BatchSource& train,
                 const BatchSource& evaluation, Console& console)
      : settings_(settings), train_(train), evaluation_(evaluation), console_(console) {}
  /// Opens the files, which go on behind what is done. Throws Error(kWrite), as all that write do.
  void begin(const RunFolder& folder, const Progress& done);
  /// So many batches are tested in the end: part of the time left.
  void test_follows(int64_t batches) { test_batches_ = static_cast<double>(batches); }

  /// Step `progress.step` of an epoch that this process began after step `begun`. `row` is the
  /// epoch's so far.
  void step(const EpochRow& row, const Progress& progress, double loss, int64_t begun);
  void evaluated(double seconds);
  double evaluation_seconds() const { return evaluation_seconds_; }
  void epoch(const EpochRow& row);

 private:
  const TrainSettings& settings_;
  const BatchSource &train_, &evaluation_;
  Console& console_;
  std::optional<JsonLog> json_log_;    // with --log-json
  std::optional<EventLog> event_log_;  // with --tensorboard
  // For the ETA: the last evaluation, and a batch of the slowest, which computed its features.
  double evaluation_seconds_ = 0, batch_seconds_ = 0, test_batches_ = 0;
};

}  // namespace lspt
