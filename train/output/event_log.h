/// TensorBoard's event files: scalars of a run's steps and epochs.
#pragma once

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "train/checkpoint.h"
#include "train/metrics.h"

namespace lspt {

using Scalars = std::vector<std::pair<std::string, double>>;

/// One record of an event file: the length of its data as 8 bytes, a checksum of those, the data, a
/// checksum of that, all little-endian. The checksum is CRC-32C, rotated right by 15 bits plus
/// 0xa282ead8; the data is tensorflow.Event of event.proto with wall_time in seconds, step, and a
/// summary of simple values.
std::string event_record(double wall_time, int64_t step, const Scalars& scalars);

/// The file that TensorBoard finds in a run folder, there to be read as the run goes on. "step/..."
/// are of single steps, "epoch/..." of epochs, named as the columns of metrics.csv; the step counts
/// from the begin of the run.
class EventLog {
 public:
  static constexpr const char* kName = "events.out.tfevents.lspt";
  /// Goes on behind the records that the file has about what is done; others, and one that was cut
  /// off, leave it. Throws Error(kWrite), as all here do.
  EventLog(const std::string& path, const Progress& done, int64_t steps_per_epoch);
  void step(const EpochRow& row, int64_t step, double loss);
  void epoch(const EpochRow& row);

 private:
  void write(int64_t step, const Scalars& scalars);

  const std::string path_;
  const int64_t steps_per_epoch_;
  std::ofstream file_;
};

}  // namespace lspt
