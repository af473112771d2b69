// What a run's memory is thought to be before its first step, against what steps then take.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/free_memory.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "ops/cross_entropy.h"
#include "tests/data_fixtures.h"
#include "tests/errors.h"
#include "train/plan/memory_plan.h"
#include "train/settings/defaults.h"
#include "train/step.h"

using namespace lspt;

namespace {

constexpr int kClasses = 5;

TrainSettings tiny_run(const std::string& method, const std::string& dtype,
                       const std::string& batch = "") {
  Options o;
  o.model = "vit_tiny_patch16_64";
  o.method = method;
  o.dtype = dtype;
  o.device = "cpu";
  if (method_config(method, 1).prompt.prompts > 0) o.prompts = 6, o.given.insert("prompts");
  if (!batch.empty()) {
    set_value(o, *find_flag("batch-size", kTrain), batch);
    o.given.insert("batch-size");
  }
  settle(o, "folder", std::nullopt);
  TrainSettings settings = train_settings(o);
  settings.model.num_classes = kClasses;
  if (settings.optimizer.kind == OptimizerKind::lbfgs) settings.optimizer.kind = OptimizerKind::sgd;
  return settings;
}

/// Bytes that the pool takes for a step, from nothing.
double taken(const TrainSettings& s, int64_t images) {
  Model model(s.model);
  Optimizer optimizer(s.optimizer, model.trainable());
  TrainStep step(model, optimizer);
  memory::trim();
  const size_t before = memory::stats().held_bytes;
  const std::vector<int64_t> labels(static_cast<size_t>(images), 1);
  step.forward(Tensor::zeros({images, 3, 64, 64}), one_hot(labels, kClasses), {});
  step.update(1e-3f);
  return static_cast<double>(memory::stats().held_bytes - before);
}

}  // namespace

TEST_CASE("what a step takes is known from smaller ones, whatever the method and dtype") {
  // Of several threads one may be too late to take any room.
  const int threads = thread_count();
  set_thread_count(1);
  for (const char* method : {"linear", "mlp", "partial", "bias", "adapter", "lora", "full",
                             "vpt-shallow", "vpt-deep", "gapt", "lpc", "lspt"})
    for (const char* dtype : {"f32", "bf16"}) {
      const TrainSettings s = tiny_run(method, dtype);
      Model model(s.model);
      const StepMemory step(model, 16);
      const bool both = std::string(method) == "full" || std::string(method) == "lspt";
      for (const int64_t images : both ? std::vector<int64_t>{5, 16} : std::vector<int64_t>{5}) {
        PoolSketch pool;
        step.training.replay(pool, images);
        const double said = step.packed + pool.held(), is = taken(s, images);
        CAPTURE(method);
        CAPTURE(dtype);
        CAPTURE(images);
        CHECK(said / is > 0.95);
        CHECK(said / is < 1.15);
        CHECK(step_bytes_bound(model, images) > is);
      }
    }
  set_thread_count(threads);
}

TEST_CASE("finding out leaves nothing behind") {
  const TrainSettings s = tiny_run("lspt", "bf16");
  std::vector<std::vector<float>> ends;
  for (const bool measured : {false, true}) {
    Model model(s.model);
    Optimizer optimizer(s.optimizer, model.trainable());
    if (measured) {
      const size_t before = memory::stats().live_bytes;
      const StepMemory step(model, 16);
      CHECK(memory::stats().live_bytes == before);
      for (const Parameter* parameter : model.trainable()) CHECK(!parameter->var.node->grad);
    }
    TrainStep step(model, optimizer);
    for (uint64_t number = 0; number < 2; ++number) {
      step.forward(Tensor::zeros({3, 3, 64, 64}), one_hot({0, 1, 2}, kClasses), {42, 0, number});
      step.update(1e-2f);
    }
    for (const Parameter* parameter : model.trainable())
      ends.push_back(parameter->var.value.to_vector());
  }
  const size_t half = ends.size() / 2;
  for (size_t i = 0; i < half; ++i) CHECK(ends[i] == ends[half + i]);
}

TEST_CASE("a run that does not fit is told what would") {
  const TrainSettings s = tiny_run("vpt-deep", "f32", "48");
  Model model(s.model);
  Dataset data;
  data.train.resize(50);
  data.val.resize(10);
  MemoryPlan plan = plan_memory(model, s, data);
  const auto needed = [&](int64_t batch) { return plan.needed(batch, batch); };
  CHECK(needed(48) > 1.3 * needed(16));
  CHECK(needed(30) > 1.25 * needed(25));  // a last batch of 20 has blocks of its own
  plan.there = {needed(48), "the control group /job"};
  require_room(plan, s);
  plan.there.bytes = needed(10);
  const int64_t fits = plan.largest(s.data);
  CHECK(fits >= 10);
  CHECK(needed(fits) <= plan.there.bytes);
  CHECK(needed(fits + 1) > plan.there.bytes);
  const std::string error = error_of([&] { require_room(plan, s); });
  CHECK(error.starts_with("6: out of memory before the first step: steps on 48 images"));
  CHECK(contains(error, "the control group /job has "));
  CHECK(contains(error, "--batch-size " + std::to_string(fits) + " is the largest"));
  plan.there.bytes = 1;
  CHECK(contains(error_of([&] { require_room(plan, s); }), "no --batch-size"));
}

TEST_CASE("memory that is left: the machine's, or less by a control group of either version") {
  const TempFolder folder;
  const auto left = [&] {
    return free_memory({folder / "self", folder / "fs"}, folder / "meminfo");
  };
  CHECK(std::isinf(left().bytes));
  folder.write("meminfo", "MemTotal:  9000 kB\nMemAvailable:  4000 kB\nHugePages_Free:  0\n");
  CHECK(left().bytes == 4000 * 1024);
  CHECK(left().of == "this machine");
  folder.write("self", "0::/user/job\n");
  folder.write("fs/user/memory.max", "max\n");
  CHECK(left().bytes == 4000 * 1024);
  folder.write("fs/user/job/memory.max", "3000000\n");
  folder.write("fs/user/job/memory.current", "2500000\n");
  CHECK(left().bytes == 500000);
  CHECK(left().of == "the control group " + folder / "fs/user/job");
  // Files that are cached make room.
  folder.write("fs/user/job/memory.stat", "anon 1\ninactive_file 300000\nactive_file 200000\n");
  CHECK(left().bytes == 1000000);
  folder.write("self", "5:cpu:/c\n4:memory:/m\n");
  folder.write("fs/memory/memory.limit_in_bytes", "9223372036854771712\n");
  folder.write("fs/memory/m/memory.limit_in_bytes", "2000000\n");
  folder.write("fs/memory/m/memory.usage_in_bytes", "1900000\n");
  folder.write("fs/memory/m/memory.stat", "inactive_file 5\ntotal_inactive_file 50000\n");
  CHECK(left().bytes == 150000);
}
