/// Runs a sweep: its cells in order, each at most once.
#pragma once

#include <chrono>

#include "train/run.h"
#include "train/settings/options.h"
#include "train/sweep/sweep.h"

namespace lspt {

/// The base's settings with a cell's, unresolved but for multiples of what they would be.
Options options_of(const Options& base, const Sweep& sweep, const Cell& cell,
                   const std::optional<WeightsHint>& weights = {});

/// What a run was made from.
struct Origin {
  TrainSettings settings;
  std::string data_sha256, weights_sha256;
};

/// How far a command has come that runs several sweeps, for the time that is left.
struct SweepProgress {
  size_t planned = 0, begun = 0, ran = 0;  ///< runs; `ran` by this process
  double seconds = 0;                      ///< of those
};

/// Tries every setting with the base's seed, chooses, and runs the chosen one with every seed. A
/// run that is finished in its folder is not run again; one that was stopped goes on. The tables
/// (sweep.csv, .txt, .json) are kept up to date. A folder that holds a run of other settings, data
/// or weights is refused with Error(kUsage).
class SweepRunner {
 public:
  SweepRunner(Options base, Sweep& sweep, const RunFolder& folder, Inputs& inputs, Console& console,
              SweepProgress& progress);
  /// 0, or the signal that asked for a stop. Throws Error(kDiverged) if nothing can be chosen.
  int run();

 private:
  int run_cell(Cell cell, bool test);
  Origin origin_of(Options options) const;
  std::string data_of(const std::string& sha256) const;
  std::optional<RunResult> finished_before(const Options& options, bool test) const;
  RunResult result_of(const Options& options, bool test, const std::string& at);
  void keep(Cell cell);
  void write_tables() const;

  const Options base_;
  Sweep& sweep_;
  const RunFolder& folder_;
  Inputs& inputs_;
  Console& console_;
  SweepProgress& progress_;
  const std::vector<std::vector<std::string>> choosing_;
};

/// How many runs a sweep is.
size_t runs_of(const Sweep& sweep);

}  // namespace lspt
