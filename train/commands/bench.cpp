// lspt bench: steps on random data, against the matrix product's own speed in the same run.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/cuda.h"
#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "ops/cross_entropy.h"
#include "train/commands/commands.h"
#include "train/commands/pretrain.h"
#include "train/machine.h"
#include "train/plan/peak.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"
#include "train/step.h"

namespace lspt {
namespace {

constexpr const char* kMae = "mae";

struct Result {
  std::vector<double> seconds;  // of the timed steps, sorted
  double operations = 0;        // of one step
  int64_t trainable = 0;
  std::vector<cuda::OpTime> ops = {};  // of one step, launched one by one; GPU only
  double median() const { return seconds[seconds.size() / 2]; }
};

/// What is measured: a model, or a masked autoencoder.
struct Subject {
  Parameters trainable;
  ForwardFunction forward;
  Tensor targets;               // what stands beside the images
  std::shared_ptr<void> model;  // behind `forward`
};

Subject model_of(const ModelConfig& config, int64_t batch) {
  const auto model = std::make_shared<Model>(config);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back((7 * i) % config.num_classes);
  const auto forward = [m = model.get()](const Tensor& images, const Tensor& targets,
                                         const StepKey& key) {
    const Var logits = m->forward(images, key);
    return Forward{Tape::current() ? cross_entropy(logits, targets) : Var(), logits};
  };
  return {model->trainable(), forward, one_hot(labels, config.num_classes), model};
}

Subject mae_of(const MaeConfig& config, int64_t batch) {
  const auto mae = std::make_shared<Mae>(config);
  std::vector<int64_t> images(static_cast<size_t>(batch));
  std::iota(images.begin(), images.end(), 0);
  const auto forward = [m = mae.get()](const Tensor& pixels, const Tensor& order, const StepKey&) {
    return Forward{m->loss(pixels, order), {}};
  };
  return {mae->trainable(), forward, random_order(images, config.vit.num_patches(), 42, 0), mae};
}

/// `measured`: how many steps, and how many before them.
Result time_steps(const TrainSettings& settings, const Options& measured,
                  const std::string& method) {
  const bool inference = method == "forward", mae = method == kMae;
  const int64_t batch = settings.data.loader.batch_size, size = settings.model.vit.img_size;
  const Subject subject =
      mae ? mae_of(mae_config(measured), batch) : model_of(settings.model, batch);
  // A head that is fitted has no steps: as if it were trained in them.
  OptimizerConfig optimized = settings.optimizer;
  if (optimized.kind == OptimizerKind::lbfgs) optimized.kind = OptimizerKind::sgd;
  Optimizer optimizer(optimized, subject.trainable);
  const Device device = settings.model.device;
  const Tensor images = to_device(random_tensor({batch, 3, size, size}, DType::f32, 3), device);
  const Tensor targets = to_device(subject.targets, device);
  const auto run = [&](TrainStep& step, int64_t number) {
    if (inference) {
      subject.forward(images, targets, {});
      return;
    }
    step.forward(images, targets, {42, 0, static_cast<uint64_t>(number)});
    step.update(1e-3f);
  };

  Result out;
  for (const Parameter* parameter : subject.trainable)
    out.trainable += parameter->var.value.numel();
  const Capture capture = inference ? Capture() : capture_of(settings.machine, batch);
  TrainStep step(subject.forward, device, optimizer, capture);
  memory::reset_peak(device);
  // Capturing takes the first steps.
  const int64_t warmup =
      capture.batch > 0 ? std::max<int64_t>(measured.warmup, 5) : measured.warmup;
  for (int64_t number = 0; number < warmup + measured.iterations; ++number) {
    const int64_t before = operation_count();
    const double seconds = seconds_of(device, [&] { run(step, number); });
    // What is replayed later is counted when it is launched.
    if (number == 0) out.operations = static_cast<double>(operation_count() - before);
    if (number >= warmup) out.seconds.push_back(seconds);
  }
  std::sort(out.seconds.begin(), out.seconds.end());
  if constexpr (kHasCuda)
    if (device == Device::cuda) {
      TrainStep plain(subject.forward, device, optimizer);
      run(plain, 0);
      cuda::start_profile();
      run(plain, 1);
      out.ops = cuda::stop_profile();
    }
  return out;
}

/// The least time an op's operations and bytes take on this machine.
double floor_ms(const cuda::OpTime& op, const Peak& peak) {
  return std::max(op.operations / peak.gflops * 1e-6, op.bytes / peak.gigabytes_a_second * 1e-6);
}

int64_t launches_of(const Result& result) {
  int64_t sum = 0;
  for (const cuda::OpTime& op : result.ops) sum += op.launches;
  return sum;
}

/// The share of a step's time that products take.
double share_of_products(const Result& result) {
  double all = 0, products = 0;
  for (const cuda::OpTime& op : result.ops) {
    all += op.milliseconds;
    if (op.name == "gemm") products += op.milliseconds;
  }
  return all > 0 ? products / all : 0;
}

void print_ops(const Result& result, const Peak& peak) {
  if (result.ops.empty()) return;
  std::printf("  one step: %lld launches, %.1f%% of the time in products\n",
              static_cast<long long>(launches_of(result)), 100 * share_of_products(result));
  std::printf("  %-28s %8s %9s %9s %6s\n", "by op", "launches", "ms", "floor ms", "ratio");
  for (const cuda::OpTime& op : result.ops)
    std::printf("  %-28s %8lld %9.3f %9.3f %6.2f\n", op.name.c_str(),
                static_cast<long long>(op.launches), op.milliseconds, floor_ms(op, peak),
                op.milliseconds > 0 ? floor_ms(op, peak) / op.milliseconds : 0.0);
}

int measure(Options o, const std::string& method, const std::string& dtype) {
  set_up_machine(machine_settings(o));
  settle_sizes(o);
  const bool inference = method == "forward";
  // Inference with prompts is VPT-shallow's: they stand beside the patches in every block.
  const bool mae = method == kMae;
  o.method = mae ? "full" : !inference ? method : o.prompts > 0 ? "vpt-shallow" : "linear";
  set_value(o, *find_flag("dtype", kTrain), dtype);
  if (method_config(o.method, 1).prompt.prompts == 0) o.prompts = 0;
  o.given.insert({"prompt-dropout", "batch-size"});
  if (o.prompts == 0)
    for (const char* idle : {"prompts", "prompt-dropout"}) o.given.erase(idle);
  else
    o.given.insert("prompts");
  resolve(o, std::nullopt);
  if (mae) resolve_decoder(o);

  TrainSettings settings = train_settings(o);
  settings.model.num_classes = static_cast<int>(o.classes);
  const ModelConfig& config = settings.model;
  const int64_t patches = mae ? mae_config(o).visible() : config.vit.num_patches();
  const int64_t rows = o.batch_size * (1 + o.prompts + patches);
  Peak peak;
  const auto measure_peak = [&] {
    peak.measure(config.device, config.dtype, rows, config.vit.embed_dim);
    memory::trim(config.device);  // its matrices are not the steps'
  };
  measure_peak();
  const Result result = time_steps(settings, o, method);
  const bool gpu = config.device == Device::cuda;
  const size_t bytes = gpu ? memory::stats(config.device).peak_bytes : memory::process_peak_bytes();
  measure_peak();

  const double gflop = result.operations * 1e-9, median = result.median();
  const double per_second = static_cast<double>(o.batch_size) / median;
  const double fraction = gflop / median / peak.gflops;
  const double memory = static_cast<double>(bytes) / (1 << 20);
  if (o.json) {
    nlohmann::ordered_json line = {{"model", o.model},
                                   {"method", method},
                                   {"dtype", dtype},
                                   {"device", gpu ? device_text(config.device) : "cpu"},
                                   {"batch_size", o.batch_size},
                                   {"prompts", o.prompts},
                                   {"images_per_second", per_second},
                                   {"gflop_per_image", gflop / static_cast<double>(o.batch_size)},
                                   {"gemm_peak_gflops", peak.gflops},
                                   {"fraction_of_peak", fraction},
                                   {"peak_memory_mib", memory},
                                   {"threads", thread_count()},
                                   {"iterations", o.iterations},
                                   {"ms_median", 1e3 * median},
                                   {"ms_min", 1e3 * result.seconds.front()},
                                   {"ms_max", 1e3 * result.seconds.back()},
                                   {"trainable_parameters", result.trainable}};
    if (gpu)
      line.update({{"copy_gb_per_second", peak.gigabytes_a_second},
                   {"launches", launches_of(result)},
                   {"share_of_products", share_of_products(result)}});
    for (const cuda::OpTime& op : result.ops)
      line["ops"].push_back({{"op", op.name},
                             {"launches", op.launches},
                             {"ms", op.milliseconds},
                             {"floor_ms", floor_ms(op, peak)}});
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf(
        "%-12s %-4s batch %lld, %lld prompts: %8.2f images/s, %7.1f ms a step, %6.2f "
        "GFLOP/image, %4.1f%% of %.0f GFLOP/s, %.0f MiB\n",
        method.c_str(), dtype.c_str(), static_cast<long long>(o.batch_size),
        static_cast<long long>(o.prompts), per_second, 1e3 * median,
        gflop / static_cast<double>(o.batch_size), 100 * fraction, peak.gflops, memory);
    print_ops(result, peak);
  }
  std::fflush(stdout);
  return 0;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream text(list);
  for (std::string word; std::getline(text, word, ',');) out.push_back(word);
  return out;
}

}  // namespace

int run_bench(const Options& o) {
  std::vector<std::pair<std::string, std::string>> runs;
  for (const std::string& method : split(o.method))
    for (const std::string& dtype : split(o.dtype)) runs.emplace_back(method, dtype);
  require(!runs.empty(), ErrorKind::kUsage, "--method: empty");
  for (const char* flag : {"decoder-dim", "decoder-depth", "decoder-heads", "mask-ratio"})
    require(
        std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.first == kMae; }) ||
            !o.has(flag),
        ErrorKind::kUsage, "--", flag, ": has an effect with --method mae alone");
  for (const char* flag : {"data", "dataset", "workers"})
    require(o.method == "loader" || !o.has(flag), ErrorKind::kUsage, "--", flag,
            ": has an effect with --method loader alone");
  if (o.method == "loader") return bench_loader(o);
  if (runs.size() == 1) return measure(o, runs[0].first, runs[0].second);
  // A process each, so that the peak memory of one does not hide another's. No thread runs yet.
  for (const auto& [method, dtype] : runs) {
    const pid_t child = fork();
    require(child >= 0, ErrorKind::kMemory, "bench: cannot start a process");
    if (child == 0) {
      try {
        _exit(measure(o, method, dtype));
      } catch (const Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        _exit(static_cast<int>(error.kind()));
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) fail(ErrorKind::kInternal, "bench: ", method, " was killed");
    if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  }
  return 0;
}

}  // namespace lspt
