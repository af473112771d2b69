#include "train/output/progress_report.h"

#include <algorithm>

namespace lspt {

void ProgressReport::begin(const RunFolder& folder, const Progress& done) {
  if (settings_.output.log_json) json_log_.emplace(folder.file("log.jsonl"), done);
  if (settings_.output.tensorboard)
    event_log_.emplace(folder.file(EventLog::kName), done, train_.batches());
}

void ProgressReport::step(const EpochRow& row, const Progress& progress, double loss,
                          int64_t begun) {
  const int64_t steps = train_.batches(), done = progress.step;
  const int64_t epochs_left = settings_.schedule.epochs - progress.epoch;
  const double seconds = row.seconds, a_step = seconds / static_cast<double>(done - begun);
  // Before the first evaluation a batch of it is taken for a step.
  const bool known = batch_seconds_ > 0;
  const double evaluation =
      known ? evaluation_seconds_ : a_step * static_cast<double>(evaluation_.batches());
  const double left = a_step * static_cast<double>(epochs_left * steps - done) +
                      evaluation * static_cast<double>(epochs_left) +
                      (known ? batch_seconds_ : a_step) * test_batches_;
  const double wait = 100.0 * train_.wait_seconds() / seconds;
  const std::string eta = clock_text(left);
  const auto epoch = static_cast<long long>(progress.epoch + 1);
  const auto epochs = static_cast<long long>(settings_.schedule.epochs);
  const auto at = static_cast<long long>(done), of = static_cast<long long>(steps);
  console_.bar(format("%lld/%lld [%lld/%lld] loss %.3f  %.1f%%  %.1f %s/s  data %.0f%%  ETA %s",
                      epoch, epochs, at, of, row.train_loss, row.train_top1, row.images_per_second,
                      train_.unit(), wait, eta.c_str()));
  // The first and the last step of an epoch always, so that short epochs are not silent.
  if (done != begun + 1 && done != steps && (done - begun) % settings_.output.log_interval != 0)
    return;
  if (json_log_) json_log_->step(row, done, loss);
  if (event_log_) event_log_->step(row, done, loss);
  const std::string rate =
      settings_.optimizer.kind == OptimizerKind::lbfgs ? "" : format("  lr %.3g", row.lr);
  const std::string text = format(
      "Train: epoch %lld/%lld [%4lld/%lld]  loss %.4f (%.4f)  Acc@1 %.2f%s  %.1f %s/s  "
      "data %.0f%%  ETA %s",
      epoch, epochs, at, of, loss, row.train_loss, row.train_top1, rate.c_str(),
      row.images_per_second, train_.unit(), wait, eta.c_str());
  if (console_.has_bar())
    console_.log(text);
  else
    console_.line(text);
}

void ProgressReport::evaluated(double seconds) {
  evaluation_seconds_ = seconds;
  const double batches = static_cast<double>(std::max<int64_t>(evaluation_.batches(), 1));
  batch_seconds_ = std::max(batch_seconds_, seconds / batches);
}

void ProgressReport::epoch(const EpochRow& row) {
  if (json_log_) json_log_->epoch(row);
  if (event_log_) event_log_->epoch(row);
}

}  // namespace lspt
