#include "train/plan/dry_run.h"

#include <algorithm>
#include <cstdio>

#include "engine/gemm.h"
#include "ops/cross_entropy.h"
#include "train/machine.h"
#include "train/output/json_text.h"
#include "train/output/opening.h"
#include "train/plan/memory_plan.h"
#include "train/plan/peak.h"
#include "train/step.h"

namespace lspt {
namespace {

int64_t batches_of(int64_t images, int64_t size) { return (images + size - 1) / size; }

/// Seconds and operations of a batch of that size.
struct Rate {
  double training = 0, evaluation = 0, operations = 0;
};

Rate measure_rate(Model& model, Optimizer& optimizer, const TrainSettings& s, int64_t train_images,
                  int64_t evaluated) {
  const ModelConfig& config = model.config();
  const int64_t size = config.vit.img_size,
                batch = std::min(s.data.loader.batch_size, train_images);
  const auto blank = [&](int64_t images) {
    return Tensor::zeros({images, 3, size, size}, DType::f32, config.device);
  };
  const Tensor images = blank(batch),
               some = blank(std::min(s.data.validation_batch_size, evaluated));
  const Tensor targets = to_device(
      one_hot(std::vector<int64_t>(static_cast<size_t>(batch)), config.num_classes), config.device);
  const Capture capture = capture_of(s.machine, batch);
  TrainStep step(model, optimizer, capture);
  const auto train = [&](int64_t number) {
    if (s.optimizer.kind == OptimizerKind::lbfgs) {
      model.forward(images);
      return;
    }
    step.forward(images, targets, {s.model.seed, 0, static_cast<uint64_t>(number)});
    step.update(0);
  };
  Rate rate;
  std::vector<double> seconds;
  const int64_t before_capture = capture.batch > 0 ? 4 : 0;
  for (int64_t number = 0; number < before_capture + 3; ++number) {
    const int64_t before = operation_count();
    const double took = seconds_of(config.device, [&] { train(number); });
    if (number == 0) rate.operations = static_cast<double>(operation_count() - before);
    if (number >= before_capture) seconds.push_back(took);
  }
  std::sort(seconds.begin(), seconds.end());
  rate.training = seconds[1];
  model.forward(some);
  rate.evaluation = seconds_of(config.device, [&] { model.forward(some); });
  rate.operations /= static_cast<double>(batch);
  return rate;
}

}  // namespace

void dry_run(RunPlan plan, Inputs& inputs, bool json, Console& console) {
  const auto model = model_for(plan, inputs, console);
  const TrainSettings& s = plan.state.settings;
  const bool lbfgs = s.optimizer.kind == OptimizerKind::lbfgs;
  const int64_t batch = s.data.loader.batch_size, evaluated = s.data.validation_batch_size,
                epochs = s.schedule.epochs;
  say_start(console, s, *model, inputs.data());
  Optimizer optimizer(s.optimizer, lbfgs ? Parameters() : model->trainable());

  const MemoryPlan memory = plan_memory(*model, s, inputs.data());
  const double needed = memory.needed(batch, evaluated);
  const int64_t fits = memory.largest(s.data);
  const auto mib = [](double bytes) { return static_cast<int64_t>(bytes / (1 << 20)); };
  console.line("memory: about " + grouped(mib(needed)) + " MiB needed, " +
               grouped(mib(memory.there.bytes)) + " MiB left on " + memory.there.of +
               "; the largest --batch-size that fits: " + grouped(fits) +
               (fits == memory.train.images ? ", all training images" : ""));
  require_room(memory, s);

  const Rate rate = measure_rate(*model, optimizer, s, memory.train.images, memory.choice.images);
  // With lbfgs the images of finished epochs are looked at again, and features are kept otherwise.
  const Progress& done = plan.state.progress;
  const int64_t an_epoch = batches_of(memory.train.images, batch);
  const int64_t left = lbfgs ? epochs * an_epoch : (epochs - done.epoch) * an_epoch - done.step;
  const int64_t steps = memory.train.even ? std::min(left, an_epoch) : left;
  const int64_t looks = memory.choice.even ? 1 : epochs - done.epoch;
  const int64_t evaluations = looks * batches_of(memory.choice.images, evaluated) +
                              batches_of(memory.test.images, evaluated);
  const double seconds = static_cast<double>(steps) * rate.training +
                         static_cast<double>(evaluations) * rate.evaluation;
  const double gflop = rate.operations * 1e-9;
  console.line("steps:  " + grouped(an_epoch) + " an epoch, " + grouped(left) + " in all" +
               (steps < left ? ", of which " + grouped(steps) + " go through the backbone" : "") +
               format("; %.3g GFLOP an image", gflop));
  console.line("time:   about " + clock_text(seconds) +
               format(" at %.3g s a step and %.3g s an evaluation's batch; reading images is not "
                      "counted",
                      rate.training, rate.evaluation));
  if (!json) return;
  const auto count = [](const auto& part) { return part.size(); };
  const nlohmann::ordered_json line = {{"model", s.model_name},
                                       {"method", s.model.method.name},
                                       {"trainable_parameters", elements(model->trainable())},
                                       {"parameters", elements(model->parameters())},
                                       {"images",
                                        {{"train", count(inputs.data().train)},
                                         {"val", count(inputs.data().val)},
                                         {"test", count(inputs.data().test)}}},
                                       {"memory_needed_mib", mib(needed)},
                                       {"memory_left_mib", mib(memory.there.bytes)},
                                       {"largest_batch_size", fits},
                                       {"gflop_per_image", gflop},
                                       {"steps_per_epoch", an_epoch},
                                       {"steps", left},
                                       {"seconds_per_step", rate.training},
                                       {"seconds", seconds}};
  std::printf("%s\n", json_text(line).c_str());
}

}  // namespace lspt
