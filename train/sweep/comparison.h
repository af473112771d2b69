/// Methods side by side, each with the settings that its own sweep chose.
#pragma once

#include "train/sweep/sweep.h"

namespace lspt {

struct Compared {
  std::string method;
  Sweep sweep;  ///< of every method over the same seeds
};

/// Of one method's runs against another's, seed by seed: the mean of the differences in top-1 and
/// its standard error, their deviation (n - 1) over sqrt(n). Runs of a seed have the same order of
/// images and the same split, so that what these contribute falls out.
struct PairedDifference {
  int64_t n = 0;
  double mean = 0;
  std::optional<double> error = {};  ///< of one seed there is none
};
PairedDifference paired(const Sweep& one, const Sweep& reference);

/// A row a method: chosen settings, trained parameters, top-1 (mean, deviation over seeds) on test
/// images, or where there are none on those that were chosen on, and the difference to `reference`.
std::string csv_of(const std::vector<Compared>& methods, const std::string& reference);
std::string table_of(const std::vector<Compared>& methods, const std::string& reference);
std::string json_of(const std::vector<Compared>& methods, const std::string& reference,
                    int indent = -1);

}  // namespace lspt
