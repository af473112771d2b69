/// What finished runs left in their folders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "train/metrics.h"

namespace lspt {

struct RunFacts {
  std::string folder, method, model, data, weights;  ///< weights: the file's name, "" for none
  std::string data_sha256 = {}, weights_sha256 = {}, chosen_on = {};
  int64_t seed = 0;
  /// Every setting that results depend on, but the seed and the data set, as text by flag; of
  /// --weights the file's name.
  std::map<std::string, std::string> settings = {};
  std::optional<int64_t> trained = {};  ///< numbers that have gradients; none: no checkpoint
  std::vector<EpochRow> epochs = {};
  int64_t best_epoch = 0;
  double best_top1 = 0;
  std::optional<double> test_top1 = {};
  int64_t test_images = 0;  ///< 0: not known
  std::vector<std::string> warnings = {};
  bool diverged = false;
  std::string trouble = {};  ///< why it diverged or learned nothing, what is wrong here; ""
};

/// Those of every run that is given, in order: run folders, or folders that are searched for them,
/// three levels down; of such a folder's runs the tested ones, if any were. A run that is given
/// twice is one. Why something is not among them goes to `left_out`, in a line.
std::vector<RunFacts> read_runs(const std::vector<std::string>& given,
                                std::vector<std::string>& left_out);

}  // namespace lspt
