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

/// Of an accuracy in percent on so many images, in percent: 100 sqrt(p (1 - p) / n).
double standard_error(double top1, int64_t images);

/// Whether the epoch just evaluated, with `top1` on so many images, is the one to keep; `highest`
/// is the highest top-1 of the epochs before it, and `rule` --choose.
///   best     it is higher than all before (timm)
///   last     always (VPT)
///   one-se   it is within one standard error of the highest: the one-standard-error rule of
///   Breiman
///            et al. 1984, "Classification and Regression Trees", 3.4.3. What is no worse than
///            chance could make the best is taken for equal to it, and of equals the last is taken,
///            at which the learning rate has come down. Of the 30 images of a small validation
///            split the highest top-1 is mostly luck.
bool is_chosen(const std::string& rule, double top1, double highest, int64_t images);

struct Evaluation {
  double loss = 0;                       ///< mean cross-entropy
  double top1 = 0, top5 = 0;             ///< percent of images
  double mean_class_top1 = 0;            ///< percent, mean over classes that have images
  int64_t seen = 0;                      ///< images; bad ones are left out of everything
  std::vector<int64_t> images, correct;  ///< per class
};

/// The model on every image of the loader, no tape. `progress` is called after each batch with the
/// number of batches done; if it returns false the evaluation is abandoned and nothing returned.
/// Throws Error(kData) if there are images and none can be read.
std::optional<Evaluation> evaluate(Model& model, BatchSource& loader,
                                   const std::function<bool(int64_t)>& progress);

/// One row of metrics.csv. Percentages; eval columns are of the images that the best epoch
/// is chosen on.
struct EpochRow {
  int64_t epoch = 0;  ///< from 1
  double train_loss = 0, train_top1 = 0, eval_loss = 0, eval_top1 = 0, eval_top5 = 0;
  double lr = 0;  ///< of the epoch's last step
  double images_per_second = 0, seconds = 0;
};
std::string csv_of(const std::vector<EpochRow>& rows);
/// Rows of a metrics.csv with epoch <= last_epoch; none if the file cannot be read or is not one.
std::vector<EpochRow> read_csv(const std::string& path, int64_t last_epoch);

/// Loss and accuracy over the epochs as a small SVG picture.
/// `split` is what the eval columns are called.
std::string curves_svg(const std::vector<EpochRow>& rows, const std::string& title,
                       const std::string& split);

}  // namespace lspt
