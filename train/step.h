/// One training step, and its replay on the GPU.
#pragma once

#include <memory>
#include <optional>

#include "models/model.h"
#include "train/optimizer.h"

namespace lspt {

/// loss = cross_entropy(model(images), targets), then an update from its gradients. In two halves,
/// so that the caller sees the loss before the weights move.
///
/// With `capture`, on the GPU: the third step of a batch size is captured as two CUDA graphs, the
/// forward pass and the rest, and later steps of that size replay them: the same kernels on the
/// same memory, hence the same bits, without the time that launching them one by one takes. What
/// differs from step to step (images, targets, which dropout masks, the optimizer's rates) is
/// brought to the same place before. The memory of captured steps belongs to them alone.
class TrainStep {
 public:
  TrainStep(Model& model, Optimizer& optimizer, bool capture);
  ~TrainStep();

  struct Result {
    float loss;
    Tensor logits;  ///< (B, K) f32; valid until the next forward
  };
  /// images (B, 3, S, S) and targets (B, K), f32, on any device.
  Result forward(const Tensor& images, const Tensor& targets, const StepKey& key);
  /// Throws Error if `forward` has not been called since the last update.
  void update(float lr);

 private:
  struct Captured;
  Model& model_;
  Optimizer& optimizer_;
  std::optional<Tape> tape_;
  Var logits_, loss_;
  std::unique_ptr<Captured> captured_;  // nullptr: never capture
  bool capturing_ = false;              // whether the step under way is of the captured shape
};

}  // namespace lspt
