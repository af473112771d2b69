#include "train/step.h"

#include "engine/cuda.h"
#include "engine/memory.h"
#include "ops/cross_entropy.h"

namespace lspt {

struct TrainStep::Captured {
  memory::Arena arena{Device::cuda};
  int steps = 0;  // of the captured shape, so far
  Tensor images, targets, words;
  std::shared_ptr<void> forward, rest;
  Tensor logits, loss;  // where the captured forward pass leaves them

  /// Puts what this step is about where the captured one looks for it.
  void stage(const Tensor& new_images, const Tensor& new_targets, const StepKey& key) {
    if (!images) {
      images = Tensor(new_images.shape(), DType::f32, Device::cuda);
      targets = Tensor(new_targets.shape(), DType::f32, Device::cuda);
      words = Tensor({4}, DType::f32, Device::cuda);
    }
    copy(images, new_images);
    copy(targets, new_targets);
    const uint64_t epoch_and_step[2] = {key.epoch, key.step};
    if constexpr (kHasCuda) cuda::copy_to_device(words.raw(), epoch_and_step, 16);
  }
};

// The first steps find algorithms, compile kernels and fill the arena; then all is as it will stay.
constexpr int kEagerSteps = 2;

TrainStep::TrainStep(Model& model, Optimizer& optimizer, bool capture)
    : model_(model), optimizer_(optimizer) {
  if (capture && model.config().device == Device::cuda) captured_ = std::make_unique<Captured>();
}

TrainStep::~TrainStep() = default;

TrainStep::Result TrainStep::forward(const Tensor& images, const Tensor& targets,
                                     const StepKey& key) {
  const auto run = [&](const Tensor& x, const Tensor& y, const StepKey& k) {
    tape_.reset();
    tape_.emplace();
    logits_ = model_.forward(x, k);
    loss_ = cross_entropy(logits_, y);
  };
  capturing_ = captured_ && (!captured_->images || captured_->images.shape() == images.shape());
  if (!capturing_) {
    run(images, targets, key);
  } else if constexpr (kHasCuda) {
    Captured& c = *captured_;
    const memory::Arena::Use use(c.arena);
    c.stage(images, targets, key);
    const auto run_staged = [&] {
      run(c.images, c.targets,
          {.seed = key.seed, .words = static_cast<const uint64_t*>(c.words.raw())});
    };
    if (c.steps < kEagerSteps) run_staged();
    if (c.steps == kEagerSteps) {
      c.forward = cuda::capture(run_staged);
      c.logits = logits_.value;
      c.loss = loss_.value;
    }
    if (c.steps >= kEagerSteps) {
      cuda::replay(c.forward);
      return {c.loss.to_vector()[0], c.logits};
    }
  }
  return {loss_.value.to_vector()[0], logits_.value};
}

void TrainStep::update(float lr) {
  optimizer_.begin(lr);
  const auto run = [&] {
    require(tape_.has_value(), "step: update without forward");
    tape_->backward(loss_);
    optimizer_.apply();
  };
  if (!capturing_) {
    run();
  } else if constexpr (kHasCuda) {
    Captured& c = *captured_;
    const memory::Arena::Use use(c.arena);
    if (c.steps < kEagerSteps) run();
    if (c.steps == kEagerSteps) c.rest = cuda::capture(run);
    if (c.steps >= kEagerSteps) {
      cuda::replay(c.rest);
      optimizer_.replayed();
    }
    ++c.steps;
  }
  tape_.reset();
}

}  // namespace lspt
