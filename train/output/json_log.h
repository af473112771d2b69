/// log.jsonl: a run's steps and epochs for other programs.
#pragma once

#include <fstream>
#include <string>

#include "train/checkpoint.h"
#include "train/metrics.h"

namespace lspt {

/// A JSON object a line, there for others to read as soon as it is written. Keys are the columns of
/// metrics.csv; a line about a step has "step" (from 1) and its own "loss" beside the epoch's so
/// far, one about an epoch has the evaluation.
class JsonLog {
 public:
  /// Goes on behind the lines that the file has about what is done. Those about steps and epochs
  /// that will be done again leave it. Throws Error(kWrite), as all here do.
  JsonLog(const std::string& path, const Progress& done);
  void step(const EpochRow& row, int64_t step, double loss);
  void epoch(const EpochRow& row);

 private:
  void write(const std::string& line);

  const std::string path_;
  std::ofstream file_;
};

}  // namespace lspt
