#include "train/step.h"

#include "engine/cuda.h"
#include "engine/memory.h"
#include "engine/notice.h"
#include "ops/cross_entropy.h"

namespace lspt {

/// What steps of the captured size have to themselves, and how they were recorded.
struct TrainStep::Captured {
  memory::Arena arena{Device::cuda};
  // The first steps find algorithms, compile kernels and fill the arena; then all is as it will
  // stay, and is recorded.
  int steps_before = 2;
  Tensor images, targets;
  std::shared_ptr<StepWords> now;                      // in the GPU's memory
  std::shared_ptr<void> forward, backward_and_update;  // graphs, both or neither
  Tensor logits, loss;                                 // where `forward` leaves them

  /// Puts what this step is about where the graphs look for it.
  void stage(const Tensor& new_images, const Tensor& new_targets, const StepKey& key) {
    if (!images) {
      images = Tensor(new_images.shape(), new_images.dtype(), Device::cuda);
      targets = Tensor(new_targets.shape(), DType::f32, Device::cuda);
      now = {static_cast<StepWords*>(memory::allocate(sizeof(StepWords), Device::cuda)),
             [](StepWords* words) { memory::release(words, sizeof *words, Device::cuda); }};
    }
    copy(images, new_images);
    copy(targets, new_targets);
    const StepWords words{key.epoch, key.step};
    if constexpr (kHasCuda) cuda::copy_to_device(now.get(), &words, sizeof words);
  }
  StepKey key(uint64_t seed) const { return {.seed = seed, .replayed = now.get()}; }
};

TrainStep::TrainStep(Model& model, Optimizer& optimizer, const Capture& capture)
    : TrainStep(
          [&model](const Tensor& images, const Tensor& targets, const StepKey& key) {
            const Var logits = model.forward(images, key);
            return Forward{cross_entropy(logits, targets), logits};
          },
          model.config().device, optimizer, capture) {}

TrainStep::TrainStep(ForwardFunction forward, Device device, Optimizer& optimizer,
                     const Capture& capture)
    : forward_(std::move(forward)), optimizer_(optimizer), capture_(capture) {
  if (capture.batch > 0 && device == Device::cuda) captured_ = std::make_unique<Captured>();
}

TrainStep::~TrainStep() = default;

bool TrainStep::recorded() const { return captured_ && captured_->forward; }

void TrainStep::run_forward(const Tensor& images, const Tensor& targets, const StepKey& key) {
  tape_.reset();
  tape_.emplace();
  Forward made = forward_(images, targets, key);
  loss_ = std::move(made.loss);
  logits_ = std::move(made.logits);
}

void TrainStep::run_update() {
  tape_->backward(loss_);
  optimizer_.apply();
  tape_.reset();
}

/// Nothing runs here: if recording fails, the step under way is launched as if nobody had tried.
void TrainStep::record(uint64_t seed) {
  if constexpr (kHasCuda) {
    Captured& c = *captured_;
    try {
      const memory::Arena::Use use(c.arena);
      auto forward = cuda::capture([&] { run_forward(c.images, c.targets, c.key(seed)); });
      c.logits = logits_.value;
      c.loss = loss_.value;
      c.backward_and_update = cuda::capture([&] { run_update(); });
      c.forward = std::move(forward);
    } catch (const Error& error) {
      if (capture_.required) throw;
      notice(
          std::string("steps are launched one by one, for they cannot be captured as a CUDA graph"
                      " (--cuda-graph auto): ") +
          error.what());
      optimizer_.drop_gradients();
      tape_.reset();
      loss_ = logits_ = {};
      captured_.reset();
    }
  }
}

TrainStep::Result TrainStep::forward(const Tensor& images, const Tensor& targets,
                                     const StepKey& key) {
  const auto result = [](const Tensor& loss, const Tensor& logits) {
    return Result{loss.to_vector()[0], logits ? to_device(logits, Device::cpu) : Tensor()};
  };
  forwarded_ = true;
  staged_ = captured_ && images.dim(0) == capture_.batch;
  if (staged_ && captured_->steps_before == 0 && !recorded()) record(key.seed);
  staged_ = staged_ && captured_;
  if (!staged_) {
    run_forward(images, targets, key);
  } else if constexpr (kHasCuda) {
    Captured& c = *captured_;
    const memory::Arena::Use use(c.arena);
    c.stage(images, targets, key);
    if (c.forward) {
      cuda::replay(c.forward);
      return result(c.loss, c.logits);
    }
    run_forward(c.images, c.targets, c.key(key.seed));
  }
  return result(loss_.value, logits_.value);
}

void TrainStep::update(float lr) {
  require(std::exchange(forwarded_, false), "step: update without forward");
  optimizer_.begin(lr);
  if (!staged_) return run_update();
  if constexpr (kHasCuda) {
    Captured& c = *captured_;
    const memory::Arena::Use use(c.arena);
    if (c.backward_and_update) {
      cuda::replay(c.backward_and_update);
      return optimizer_.replayed();
    }
    run_update();
    --c.steps_before;
  }
}

}  // namespace lspt
