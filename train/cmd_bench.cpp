// lspt bench: steps on random data, against the matrix product's own speed in the same run.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "ops/cross_entropy.h"
#include "train/commands.h"
#include "train/console.h"
#include "train/optimizer.h"
#include "train/recipes.h"
#include "train/setup.h"

namespace lspt {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const auto& body) {
  const auto begin = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Normal values: zeros would be faster to multiply, and some optimizations look for them.
Tensor random_tensor(const Shape& shape, DType dtype, uint64_t sample) {
  const Tensor values(shape);
  const Random random(7, 0, sample, Purpose::test);
  parallel_for(values.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      values.data<float>()[i] = random.normal(static_cast<uint64_t>(i));
  });
  return to_dtype(values, dtype);
}

/// Products of the model's own shapes, weights packed: the best of them is the peak.
class GemmPeak {
 public:
  GemmPeak(int64_t rows, int64_t width, DType dtype) {
    for (const auto& [n, k] : {std::pair{3 * width, width}, {4 * width, width}, {width, 4 * width}})
      products_.push_back({random_tensor({rows, k}, dtype, 1), random_tensor({n, k}, dtype, 2),
                           Tensor({rows, n}, dtype)});
  }
  void measure() {
    for (const Product& p : products_) {
      const double operations = 2.0 * static_cast<double>(p.a.rows()) *
                                static_cast<double>(p.a.cols()) * static_cast<double>(p.b.rows());
      for (int i = 0; i < 12; ++i) {
        const double seconds =
            seconds_of([&] { gemm(p.c, p.a, false, p.b, true, {.pack_b = true}); });
        best_ = std::max(best_, operations / seconds * 1e-9);
      }
    }
  }
  double gflops() const { return best_; }

 private:
  struct Product {
    Tensor a, b, c;
  };
  std::vector<Product> products_;
  double best_ = 0;
};

struct Result {
  std::vector<double> seconds;  // of the timed steps, sorted
  double operations = 0;        // of one step
  int64_t trainable = 0;
  double median() const { return seconds[seconds.size() / 2]; }
};

Result time_steps(const Options& o, bool inference) {
  const int classes = static_cast<int>(o.classes);
  Model model(model_config(o, classes));
  Optimizer optimizer(optimizer_config(o), model.trainable());
  const Tensor images = random_tensor({o.batch_size, 3, o.img_size, o.img_size}, DType::f32, 3);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < o.batch_size; ++i) labels.push_back((7 * i) % classes);
  const Tensor targets = one_hot(labels, classes);

  Result out;
  for (const Parameter* parameter : model.trainable())
    out.trainable += parameter->var.value.numel();
  for (int64_t step = -o.warmup; step < o.iterations; ++step) {
    const int64_t before = operation_count();
    const double seconds = seconds_of([&] {
      if (inference) {
        model.forward(images);
        return;
      }
      Tape tape;
      const Var loss = cross_entropy(
          model.forward(images, {42, 0, static_cast<uint64_t>(step + o.warmup)}), targets);
      tape.backward(loss);
      optimizer.step(1e-3f);
    });
    if (step < 0) continue;
    out.operations = static_cast<double>(operation_count() - before);
    out.seconds.push_back(seconds);
  }
  std::sort(out.seconds.begin(), out.seconds.end());
  return out;
}

int measure(Options o, const std::string& method, const std::string& dtype) {
  set_up_machine(o);
  const bool inference = method == "forward";
  // Inference with prompts is VPT-shallow's: they stand beside the patches in every block.
  o.method = !inference ? method : o.prompts > 0 ? "vpt-shallow" : "linear";
  set_value(o, *find_flag("dtype", kTrain), dtype);
  if (o.method == "linear" || o.method == "full") o.prompts = 0;
  o.given.insert({"prompt-dropout", "batch-size"});
  if (o.prompts == 0)
    for (const char* idle : {"prompts", "prompt-dropout"}) o.given.erase(idle);
  else
    o.given.insert("prompts");
  resolve(o, std::nullopt);

  const ModelConfig config = model_config(o, static_cast<int>(o.classes));
  GemmPeak peak(o.batch_size * (1 + o.prompts + config.vit.num_patches()), config.vit.embed_dim,
                config.dtype);
  peak.measure();
  const Result result = time_steps(o, inference);
  peak.measure();

  const double gflop = result.operations * 1e-9, median = result.median();
  const double per_second = static_cast<double>(o.batch_size) / median;
  const double fraction = gflop / median / peak.gflops();
  const double memory = static_cast<double>(memory::process_peak_bytes()) / (1 << 20);
  if (o.json) {
    const nlohmann::ordered_json line = {
        {"model", o.model},
        {"method", method},
        {"dtype", dtype},
        {"device", "cpu"},
        {"batch_size", o.batch_size},
        {"prompts", o.prompts},
        {"images_per_second", per_second},
        {"gflop_per_image", gflop / static_cast<double>(o.batch_size)},
        {"gemm_peak_gflops", peak.gflops()},
        {"fraction_of_peak", fraction},
        {"peak_memory_mib", memory},
        {"threads", thread_count()},
        {"iterations", o.iterations},
        {"ms_median", 1e3 * median},
        {"ms_min", 1e3 * result.seconds.front()},
        {"ms_max", 1e3 * result.seconds.back()},
        {"trainable_parameters", result.trainable}};
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf(
        "%-12s %-4s batch %lld, %lld prompts: %8.2f images/s, %7.1f ms a step, %6.2f "
        "GFLOP/image, %4.1f%% of %.0f GFLOP/s, %.0f MiB\n",
        method.c_str(), dtype.c_str(), static_cast<long long>(o.batch_size),
        static_cast<long long>(o.prompts), per_second, 1e3 * median,
        gflop / static_cast<double>(o.batch_size), 100 * fraction, peak.gflops(), memory);
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
