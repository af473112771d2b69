// Training on the GPU: captured steps are eager steps to the bit, and what the CPU computes.
#include "engine/cuda.h"
#include "engine/memory.h"
#include "engine/notice.h"
#include "engine/random.h"
#include "ops/cross_entropy.h"
#include "tests/golden.h"
#include "tests/gpu.h"
#include "train/step.h"

using namespace lspt;

namespace {

constexpr int64_t kClasses = 5;

Tensor images_of(int64_t count, uint64_t step) {
  const Random random(11, 0, step, Purpose::test);
  Tensor images({count, 3, 32, 32});
  for (int64_t i = 0; i < images.numel(); ++i)
    images.data<float>()[i] = random.normal(static_cast<uint64_t>(i));
  return images;
}

struct Run {
  std::vector<float> losses;
  std::map<std::string, std::vector<float>> parameters;
  bool recorded = false;
  bool operator==(const Run& other) const {
    return losses == other.losses && parameters == other.parameters;
  }
};

/// Steps of batches of these sizes, in two epochs.
Run train(const std::string& method, Device device, DType dtype, const Capture& capture,
          const std::vector<int64_t>& sizes, OptimizerConfig config = {}) {
  ModelConfig model_config = golden::config(method);
  model_config.device = device;
  model_config.dtype = dtype;
  if (model_config.method.prompt.prompts > 0) model_config.method.prompt.dropout = 0.1f;
  Model model(model_config);
  Optimizer optimizer(config, model.trainable());
  TrainStep step(model, optimizer, capture);
  Run out;
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::vector<int64_t> labels;
    for (int64_t k = 0; k < sizes[i]; ++k)
      labels.push_back((static_cast<int64_t>(i) + k) % kClasses);
    const auto result =
        step.forward(images_of(sizes[i], i), one_hot(labels, kClasses),
                     {.seed = 3, .epoch = static_cast<uint32_t>(2 * i / sizes.size()), .step = i});
    out.losses.push_back(result.loss);
    CHECK(result.logits.shape() == Shape{sizes[i], kClasses});
    CHECK(result.logits.device() == Device::cpu);  // nobody waits for the update to see them
    step.update(i % 2 ? 0.05f : 0.02f);
    // An evaluation in between, with memory of its own.
    if (i % 3 == 1) model.forward(images_of(2, 100 + i));
  }
  out.recorded = step.recorded();
  for (const Parameter* parameter : model.trainable())
    out.parameters[parameter->name] = parameter->var.value.to_vector();
  return out;
}

}  // namespace

TEST_CASE("captured steps give the bits of steps that are launched one by one on the GPU" *
          test::needs_gpu()) {
  // The first batch is a short one, as where a run goes on or an image cannot be read.
  const std::vector<int64_t> sizes = {3, 4, 4, 4, 4, 3, 4, 4, 4};
  for (const std::string method : {"lspt", "gapt", "full"})
    for (const DType dtype : {DType::f32, DType::bf16}) {
      CAPTURE(method);
      CAPTURE(name_of(dtype));
      const Run eager = train(method, Device::cuda, dtype, {}, sizes);
      const Run captured = train(method, Device::cuda, dtype, {.batch = 4}, sizes);
      CHECK(captured == eager);
      CHECK(captured.recorded);
      CHECK(train(method, Device::cuda, dtype, {}, sizes) == eager);
    }
}

TEST_CASE("steps that cannot be captured on the GPU are launched one by one, and that is said" *
          test::needs_gpu()) {
  if (!test::gpu_is_emulated()) return;  // a real one has no reason to fail
  const std::vector<int64_t> sizes(6, 4);
  std::vector<std::string> said;
  on_notice([&](const std::string& text) { said.push_back(text); });
  setenv("LSPT_EMULATED_GRAPHS", "0", 1);
  const Run launched = train("full", Device::cuda, DType::f32, {.batch = 4}, sizes);
  CHECK_THROWS_AS(train("full", Device::cuda, DType::f32, {.batch = 4, .required = true}, sizes),
                  Error);
  unsetenv("LSPT_EMULATED_GRAPHS");
  on_notice(nullptr);
  CHECK_FALSE(launched.recorded);
  CHECK(launched == train("full", Device::cuda, DType::f32, {}, sizes));
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("cannot be captured as a CUDA graph") != std::string::npos);
  CHECK(said[0].find("cudaGraphInstantiate") != std::string::npos);
}

TEST_CASE("twenty steps lose on the GPU what they lose on the CPU" * test::needs_gpu()) {
  const std::vector<int64_t> sizes(20, 4);
  for (const auto& [config, name] :
       {std::pair{OptimizerConfig{.weight_decay = 0.01f, .clip_grad = 0.5f}, "sgd"},
        std::pair{OptimizerConfig{.kind = OptimizerKind::adamw, .weight_decay = 0.01f}, "adamw"}}) {
    CAPTURE(name);
    const Run cpu = train("lspt", Device::cpu, DType::f32, {}, sizes, config);
    const Run gpu = train("lspt", Device::cuda, DType::f32, {.batch = 4}, sizes, config);
    for (size_t i = 0; i < sizes.size(); ++i)
      CHECK(gpu.losses[i] == doctest::Approx(cpu.losses[i]).epsilon(1e-3));
  }
}

TEST_CASE("a steady step on the GPU asks the system for no memory" * test::needs_gpu()) {
  for (const int64_t captured : {0, 4}) {
    ModelConfig config = golden::config("lspt");
    config.device = Device::cuda;
    Model model(config);
    Optimizer optimizer({}, model.trainable());
    TrainStep step(model, optimizer, {.batch = captured});
    int64_t calls = 0;
    for (int i = 0; i < 8; ++i) {
      step.forward(images_of(4, 0), one_hot({0, 1, 2, 3}, kClasses), {});
      step.update(0.01f);
      if (i == 3) calls = memory::stats(Device::cuda).system_calls;
    }
    CHECK(memory::stats(Device::cuda).system_calls == calls);
  }
}

TEST_CASE("blocks of an arena come back to it alone, and to everybody when it ends") {
  const auto allocate = [] {
    return Tensor({1000, 77}).raw();
  };  // a size that nobody else asks for
  void* inside = nullptr;
  {
    memory::Arena arena(Device::cpu);
    {
      const memory::Arena::Use use(arena);
      inside = allocate();
      CHECK(allocate() == inside);
    }
    CHECK(allocate() != inside);
    const memory::Arena::Use use(arena);
    CHECK(allocate() == inside);
  }
  std::vector<Tensor> held = {Tensor({1000, 77}), Tensor({1000, 77})};
  CHECK((held[0].raw() == inside || held[1].raw() == inside));
}
