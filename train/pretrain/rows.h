/// The table of a pre-training run's epochs.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace lspt {

/// One row of metrics.csv.
struct PretrainRow {
  int64_t epoch = 0;  ///< from 1
  double loss = 0;    ///< mean over the epoch's images
  double lr = 0;      ///< of its last step
  double images_per_second = 0, seconds = 0;
  double probe_top1 = NAN;  ///< percent; NaN, in the file nothing, where there was no probe
};
std::string csv_of(const std::vector<PretrainRow>& rows);
/// Rows with epoch <= last_epoch; none if the file cannot be read or is no such table.
std::vector<PretrainRow> read_pretrain_csv(const std::string& path, int64_t last_epoch);

/// Loss, and the probe's accuracy where there is any, over the epochs.
std::string curves_svg(const std::vector<PretrainRow>& rows, const std::string& title);

}  // namespace lspt
