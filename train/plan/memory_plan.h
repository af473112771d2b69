/// How much memory a run will take, found on a few blank images before its first step.
#pragma once

#include "data/dataset.h"
#include "engine/free_memory.h"
#include "models/model.h"
#include "train/plan/footprint.h"
#include "train/settings/train_settings.h"

namespace lspt {

/// How a training step and an evaluation use the memory pool, from passes over b and 2 b blank
/// images, b as small as the threads allow and at most half of `batch`. Nothing is left behind: no
/// gradient, no memory, nothing derived from a weight; random numbers have no state.
struct StepMemory {
  StepMemory(Model& model, int64_t batch);
  Footprint training, evaluation;
  double packed = 0;  ///< bytes of what is derived from weights, and stays
};

struct MemoryPlan {
  struct Part {
    int64_t images = 0;
    bool even = false;  ///< all its batches have one size (feature_source.h)
  };
  StepMemory step;
  bool gpu;
  Part train = {}, choice = {}, test = {};
  int64_t queued = 0;  ///< batches that are read ahead, on the host
  int64_t image = 0;   ///< bytes of an image in one
  double kept = 0;     ///< features, decoded images, what workers read
  FreeMemory there = {};

  /// Bytes that the run will take with these --batch-size and --validation-batch-size: on the host
  /// the pool keeps what a last, smaller batch took, and an evaluation; on the GPU it gives that
  /// back where memory is short, but not what captured steps have.
  double needed(int64_t batch, int64_t evaluated) const;
  /// The largest --batch-size that fits; 0: none does.
  int64_t largest(const DataSettings& data) const;
};

/// Model and optimizer are there already, the first image is not read.
MemoryPlan plan_memory(Model& model, const TrainSettings& settings, const Dataset& data);

/// Throws Error(kMemory) that says what is needed, what is there and what would fit.
void require_room(const MemoryPlan& plan, const TrainSettings& settings);

/// Both, unless step_bytes_bound and what is kept are under a tenth of what is there.
void check_memory(Model& model, const TrainSettings& settings, const Dataset& data);
/// By shapes: no step on so many images takes more.
double step_bytes_bound(Model& model, int64_t images);

}  // namespace lspt
