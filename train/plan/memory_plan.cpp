#include "train/plan/memory_plan.h"

#include <algorithm>
#include <cstdlib>

#include "engine/cuda.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "ops/cross_entropy.h"
#include "train/inputs/inputs.h"
#include "train/output/console.h"

namespace lspt {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr int64_t kMost = 1 << 16;               // --batch-size
constexpr double kWorkerBytes = 32 * kMebibyte;  // a photograph of ten megapixels, decoded

void forget_derived(Model& model) {
  for (Parameter* parameter : model.parameters()) parameter->var.value.storage()->derived.clear();
  memory::trim(model.config().device);
}

/// What a pass over blank images allocates and releases.
Footprint::Events blank_pass(Model& model, int64_t images, bool training) {
  const ModelConfig& config = model.config();
  const memory::Trace trace(config.device);
  {
    std::optional<Tape> tape;
    if (training) tape.emplace();
    const int64_t size = config.vit.img_size;
    const Tensor blank = Tensor::zeros({images, 3, size, size}, DType::f32, config.device);
    const Tensor targets =
        one_hot(std::vector<int64_t>(static_cast<size_t>(images)), config.num_classes);
    const Var loss = cross_entropy(model.forward(blank), to_device(targets, config.device));
    if (training) tape->backward(loss);
    for (Parameter* parameter : model.trainable()) parameter->var.node->grad = {};
  }
  return trace.events();
}

int64_t images_in(const std::vector<Sample>& part) { return static_cast<int64_t>(part.size()); }
const std::vector<Sample>& chosen_on(const Dataset& data) {
  return data.val.empty() ? data.test : data.val;
}
/// Of the stems that are kept of training images, of those that an epoch is chosen on.
double train_stems(Model& model, const TrainSettings& s, const Dataset& data) {
  return kept_bytes(model, loader_options(s.data, true, false), images_in(data.train));
}
double choice_stems(Model& model, const TrainSettings& s, const Dataset& data) {
  return kept_bytes(model, loader_options(s.data, false, false), images_in(chosen_on(data)));
}

/// Of decoded images: short side as it is kept, four to three.
double decoded_bytes(const TrainSettings& s, const Dataset& data) {
  const double side = resize_rule(s.data.loader).side;
  return 4 * side * side * static_cast<double>(images_in(data.train) + images_in(chosen_on(data)));
}

/// What comes to be on the host beside the steps: photographs being decoded, images without a
/// cache, features.
double beside_steps(Model& model, const TrainSettings& s, const Dataset& data) {
  if (model.config().device == Device::cuda) return 0;
  const double width = model.config().vit.embed_dim, classes = model.config().num_classes;
  const auto images = static_cast<double>(images_in(data.train));
  double bytes = s.data.loader.workers * kWorkerBytes;
  if (s.data.cache.empty()) bytes += std::min(decoded_bytes(s, data), 2048 * kMebibyte);
  bytes += train_stems(model, s, data) + choice_stems(model, s, data);
  // Every look is kept, and copied for the fit, with what the head makes of it.
  if (s.optimizer.kind == OptimizerKind::lbfgs)
    bytes += 8 * (width + classes) * images * static_cast<double>(s.schedule.epochs);
  return bytes;
}

/// What is free where the model computes, or LSPT_FREE_MIB. On the GPU decoded images take up to
/// half of it (data/loader.h).
FreeMemory free_for(Device device, double decoded) {
  memory::trim(device);
  if (const char* said = std::getenv("LSPT_FREE_MIB"))
    return {std::atof(said) * kMebibyte, "this machine (LSPT_FREE_MIB)"};
  if constexpr (kHasCuda)
    if (device == Device::cuda) {
      const auto free = static_cast<double>(cuda::memory_info().free);
      return {free - std::min(decoded, free / 2), "the GPU"};
    }
  return free_memory();
}

}  // namespace

StepMemory::StepMemory(Model& model, int64_t batch) {
  const Device device = model.config().device;
  const int64_t heads = model.config().vit.num_heads;
  // So many heads that every thread has one.
  const int64_t b =
      std::clamp<int64_t>((thread_count() + heads - 1) / heads, 1, std::max<int64_t>(batch / 2, 1));
  Footprint::Events train[2], evaluate[2];
  for (const int64_t i : {0, 1}) {
    forget_derived(model);
    const size_t before = memory::stats(device).live_bytes;
    blank_pass(model, (i + 1) * b, true);  // packs weights, finds algorithms
    packed = static_cast<double>(memory::stats(device).live_bytes - before);
    train[i] = blank_pass(model, (i + 1) * b, true);
    evaluate[i] = blank_pass(model, (i + 1) * b, false);
  }
  forget_derived(model);
  training = Footprint(train[0], train[1], b);
  evaluation = Footprint(evaluate[0], evaluate[1], b);
}

double MemoryPlan::needed(int64_t batch, int64_t evaluated) const {
  PoolSketch step_pool, own_pool;
  PoolSketch& pool = gpu ? own_pool : step_pool;  // a captured step has blocks of its own
  double most = 0;                                // of what follows it
  const auto passes = [&](const Part& part, int64_t size, const Footprint& of, PoolSketch& full) {
    const size_t images = memory::block_bytes(static_cast<size_t>(image * size));
    for (int64_t i = 0; i < queued; ++i) full.allocate(images);
    of.replay(full, part.even ? size : std::min(size, part.images));
    for (int64_t i = 0; i < queued; ++i) full.release(images);
    if (!part.even && part.images % size > 0) of.replay(pool, part.images % size);
  };
  passes(train, batch, step.training, step_pool);
  most = pool.held();
  for (const Part& part : {choice, test}) {
    if (part.images == 0) continue;
    if (gpu) own_pool = {};
    passes(part, evaluated, step.evaluation, pool);
    most = std::max(most, pool.held());
  }
  return kept + step.packed + (gpu ? step_pool.held() + most : most);
}

int64_t MemoryPlan::largest(const DataSettings& data) const {
  const auto fits = [&](int64_t batch) {
    return needed(batch, data.validation_batch_given ? data.validation_batch_size : batch) <=
           there.bytes;
  };
  int64_t good = 0, bad = std::min(train.images, kMost) + 1;
  while (bad - good > 1) {
    const int64_t middle = (good + bad) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  // A batch that leaves a smaller last one, or none, may fit where others below it do not.
  int64_t batch = std::min({2 * good, train.images, kMost});
  while (batch > good && !fits(batch)) --batch;
  return std::max(batch, good);
}

MemoryPlan plan_memory(Model& model, const TrainSettings& s, const Dataset& data) {
  const bool gpu = model.config().device == Device::cuda;
  // On the host before the steps, whose memory the C library may keep; on the GPU after them, when
  // the libraries there have taken theirs.
  const auto there = [&] { return free_for(model.config().device, decoded_bytes(s, data)); };
  const FreeMemory before = there();
  MemoryPlan plan{StepMemory(model, s.data.loader.batch_size), gpu};
  plan.there = gpu ? there() : before;
  plan.train = {images_in(data.train), train_stems(model, s, data) > 0};
  plan.choice = {images_in(chosen_on(data)), choice_stems(model, s, data) > 0};
  plan.test = {data.val.empty() ? 0 : images_in(data.test), false};
  plan.kept = beside_steps(model, s, data);
  if (!gpu) {
    plan.queued = s.data.loader.workers == 0 ? 1 : 3;  // data/loader.cpp
    plan.image = 12 * int64_t{s.data.loader.img_size} * s.data.loader.img_size;
  }
  return plan;
}

void require_room(const MemoryPlan& plan, const TrainSettings& s) {
  const int64_t batch = s.data.loader.batch_size, evaluated = s.data.validation_batch_size;
  const double needed = plan.needed(batch, evaluated);
  if (needed <= plan.there.bytes) return;
  const auto mib = [](double bytes) { return grouped(static_cast<int64_t>(bytes / kMebibyte)); };
  const int64_t fits = plan.largest(s.data);
  fail(ErrorKind::kMemory, "out of memory before the first step: steps on ", batch,
       " images, and evaluation on ", evaluated, ", need about ", mib(needed), " MiB, and ",
       plan.there.of, " has ", mib(plan.there.bytes), " MiB left; ",
       fits > 0 ? "--batch-size " + std::to_string(fits) + " is the largest that fits"
                : std::string("no --batch-size fits"),
       s.model.dtype == DType::f32 ? ", --dtype bf16 needs about half" : "");
}

double step_bytes_bound(Model& model, int64_t images) {
  const ModelConfig& config = model.config();
  const ViTConfig& vit = config.vit;
  const double tokens = 1 + config.method.prompt.prompts + vit.num_patches(), width = vit.embed_dim;
  const double hidden = std::max<double>(config.method.prompt.lstm_hidden, width);
  double parameters = 0;
  for (const Parameter* parameter : model.parameters())
    parameters += static_cast<double>(parameter->var.value.numel());
  // Of each block: forty rows as wide as the model for a token, forty as wide as the LSTM for a
  // prompt; of each thread: four matrices of attention scores. Twice as many as there are.
  return 8 * parameters + 16 * tokens * tokens * thread_count() +
         static_cast<double>(images) * 4 *
             (40 * vit.depth * (tokens * width + config.method.prompt.prompts * hidden) +
              12.0 * vit.img_size * vit.img_size + 4 * config.num_classes);
}

void check_memory(Model& model, const TrainSettings& s, const Dataset& data) {
  const int64_t images = 2 * (s.data.loader.batch_size + s.data.validation_batch_size);
  const double bound = step_bytes_bound(model, images) + beside_steps(model, s, data);
  if (bound < free_for(model.config().device, 0).bytes / 10) return;
  require_room(plan_memory(model, s, data), s);
}

}  // namespace lspt
