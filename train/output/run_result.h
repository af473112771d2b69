/// What came out of a run, and results.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/settings/train_settings.h"

namespace lspt {

/// What results.json says, and config.json with it.
struct RunResult {
  int signal = 0;  ///< that asked for a stop, the run being saved; nothing else is set then
  TrainSettings settings = {};
  std::string data_sha256 = {}, weights_sha256 = {};  ///< DataDigest; "" without --weights
  std::string pixels_sha256 =
      {};  ///< of all loaders' pixels (Loader::pixels_digest); "" if unknown
  int64_t epochs = 0, best_epoch = 0;  ///< the best is the one kept, chosen as --choose says
  std::string chosen_on = {};
  double best_top1 = 0, last_top1 = 0;  ///< percent of the images chosen on
  int64_t chosen_images = 0;            ///< how many those are; 0 in folders from before
  int64_t trained = 0;  ///< parameters; 0 in folders from before
  size_t bad_images = 0;                ///< left out of all parts together
  struct Test {
    double top1 = 0, top5 = 0, mean_class_top1 = 0;
    int64_t images = 0;
  };
  std::optional<Test> test = {};  ///< of the best epoch; nothing if it was chosen on those images
  std::vector<std::string> warnings = {};  ///< health.h
  std::string failed = {};    ///< why the model has learned nothing (health.h), "" if it has
  std::string diverged = {};  ///< why a sweep has no accuracy of these settings
};

/// The content of results.json, on one line without indent.
std::string json_of(const RunResult& result, const std::string& folder, int indent = -1);
/// The run that is finished in the folder; nothing if there is none. Throws Error(kUsage) for files
/// that are not as run() writes them.
std::optional<RunResult> read_result(const std::string& folder);

}  // namespace lspt
