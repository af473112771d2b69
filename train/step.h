/// One training step, and its replay on the GPU.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "models/model.h"
#include "train/optimizer.h"

namespace lspt {

/// on: a capture that fails is an error; automatic: it is said (engine/notice.h), and steps are
/// launched one by one.
enum class CudaGraph { automatic, on, off };

/// Which steps are captured.
struct Capture {
  int64_t batch = 0;      ///< those of this many images; 0: none
  bool required = false;  ///< a capture that fails is an error; otherwise it is said
                          ///< (engine/notice.h) and steps are launched one by one
};

/// What a step computes: `logits` may be none.
struct Forward {
  Var loss, logits;
};
/// images (B, 3, S, S), or what Model::stem made of them, and what stands beside them, targets for
/// instance, f32: on the device.
using ForwardFunction =
    std::function<Forward(const Tensor& images, const Tensor& targets, const StepKey& key)>;

/// A loss, for a model cross_entropy(model(images), targets), then an update from its gradients. In
/// two halves, so that the caller sees the loss before the weights move.
///
/// Captured steps, on the GPU: after two steps of the captured size, whenever they come, the next
/// is recorded as two CUDA graphs, the forward pass and the rest, and it and later ones replay
/// them: the same kernels on the same memory, hence the same bits, without the time that launching
/// them one by one takes. What differs from step to step (images, targets, which dropout masks, the
/// optimizer's rates) is brought to the same place before. The memory of captured steps belongs to
/// them alone. Steps of another size are launched one by one.
class TrainStep {
 public:
  TrainStep(Model& model, Optimizer& optimizer, const Capture& capture = {});
  /// `forward` must do the same whenever it is called with tensors of the same shapes, reading what
  /// differs from step to step in its arguments alone.
  TrainStep(ForwardFunction forward, Device device, Optimizer& optimizer,
            const Capture& capture = {});
  ~TrainStep();

  struct Result {
    float loss;
    Tensor logits;  ///< (B, K) f32 on the CPU, if there are any
  };
  /// images (B, 3, S, S) and targets, (B, K) for a model, f32, on any device. Returns when the loss
  /// is there: nothing needs to wait for the update that follows.
  Result forward(const Tensor& images, const Tensor& targets, const StepKey& key);
  /// Throws Error if `forward` has not been called since the last update.
  void update(float lr);
  /// Whether steps of the captured size are replayed by now.
  bool recorded() const;

 private:
  struct Captured;
  void run_forward(const Tensor& images, const Tensor& targets, const StepKey& key);
  void run_update();
  void record(uint64_t seed);

  const ForwardFunction forward_;
  Optimizer& optimizer_;
  const Capture capture_;
  std::optional<Tape> tape_;
  Var logits_, loss_;
  std::unique_ptr<Captured> captured_;       // nullptr: steps are not captured
  bool forwarded_ = false, staged_ = false;  // the step under way: is there one, of captured size
};

}  // namespace lspt
