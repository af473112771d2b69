/// What a sweep runs, what it chooses, and its table. Nothing here trains.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/run.h"
#include "train/settings/recipe_file.h"

namespace lspt {

/// One run of a sweep.
struct Cell {
  std::vector<std::string> values;  ///< one for each axis
  int64_t seed = 0;
  RunResult result = {};
  double seconds = 0;  ///< of training
};

struct Sweep {
  std::vector<Axis> axes;                ///< none: only seeds
  std::vector<int64_t> seeds;            ///< that the chosen settings are run with
  std::vector<Cell> cells = {};          ///< finished, in the order of `settings`, seeds last
  std::vector<std::string> chosen = {};  ///< values; empty while nothing is chosen
};

/// Of --seeds: "3" is three seeds from `first` on, "1,2,3" (or "7,") those. Throws Error(kUsage).
std::vector<int64_t> parse_seeds(const std::string& text, int64_t first);

/// Every combination of the axes' values, the last axis changing fastest; one that is empty if
/// there are no axes. Throws Error(kUsage) for an axis that is there twice, a value that is there
/// twice, and more than 10,000 combinations.
std::vector<std::vector<std::string>> settings_of(const std::vector<Axis>& axes);

/// "lr=0.1,weight-decay=0,seed=42": a cell's folder.
std::string cell_name(const std::vector<Axis>& axes, const Cell& cell);

/// The cell with the highest top-1 on the images chosen on; of equals the one with the smallest
/// learning rate (VPT's rule), then the first. One that learned nothing (RunResult::failed) only if
/// all others did not either; nullptr if all diverged.
const Cell* best_of(const std::vector<Cell>& cells);

/// The runs of the chosen settings that are finished, in the order of the seeds.
std::vector<Cell> finals(const Sweep& sweep);

/// A row a cell; the last column, seconds of training, is the only one that a second run of the
/// same sweep changes.
std::string csv_of(const Sweep& sweep);
/// The table for people: settings with their validation accuracy, then the chosen ones by seed with
/// mean and deviation.
std::string table_of(const Sweep& sweep);
/// Both as JSON, without times.
std::string json_of(const Sweep& sweep, int indent = -1);

}  // namespace lspt
