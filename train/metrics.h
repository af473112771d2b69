/// Accuracy, evaluation, and the table of a run's epochs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "models/model.h"

namespace lspt {

/// For each row of logits (B, K): how many classes score higher than the label (equal scores count
/// if their index is smaller, NaN always). 0 means the answer is right, below 5 that it is among
/// the first five.
std::vector<int64_t> ranks(const Tensor& logits, const std::vector<int>& labels);

struct Evaluation {
  double loss = 0;                       ///< mean cross-entropy
  double top1 = 0, top5 = 0;             ///< percent of images
  double mean_class_top1 = 0;            ///< percent, mean over classes that have images
  int64_t seen = 0;                      ///< images; bad ones are left out of everything
  std::vector<int64_t> images, correct;  ///< per class
};

/// The model on every image of the loader, no tape. `progress` is called after each batch with the
/// number of batches done; if it returns false the evaluation is abandoned and nothing returned.
/// `look` sees each batch and its logits (B, K). Throws Error(kData) if there are images and none
/// can be read.
std::optional<Evaluation> evaluate(
    Model& model, BatchSource& loader, const std::function<bool(int64_t)>& progress,
    const std::function<void(const Batch&, const Tensor&)>& look = nullptr);

/// Mean and standard deviation (n - 1) of a few numbers.
struct Spread {
  int64_t n = 0;
  double mean = 0;
  std::optional<double> deviation = {};  ///< of one number there is none
};
Spread spread_of(const std::vector<double>& numbers);

/// One row of metrics.csv. Percentages; eval columns are of the images that the best epoch
/// is chosen on.
struct EpochRow {
  int64_t epoch = 0;  ///< from 1
  double train_loss = 0, train_top1 = 0, eval_loss = 0, eval_top1 = 0, eval_top5 = 0;
  double lr = 0;  ///< of the epoch's last step
  double images_per_second = 0, seconds = 0;
};
std::string csv_of(const std::vector<EpochRow>& rows);
/// The row as it comes back from the file: a run that goes on reads there what another remembers.
EpochRow as_written(const EpochRow& row);
/// Rows of a metrics.csv with epoch <= last_epoch; none if the file cannot be read or is not one.
std::vector<EpochRow> read_csv(const std::string& path, int64_t last_epoch);

/// Loss and accuracy over the epochs as a small SVG picture.
/// `split` is what the eval columns are called.
std::string curves_svg(const std::vector<EpochRow>& rows, const std::string& title,
                       const std::string& split);

}  // namespace lspt
