#include "train/inputs/first_prompts.h"

#include <algorithm>
#include <filesystem>

#include "engine/accumulate.h"
#include "engine/gemm.h"
#include "engine/random.h"
#include "models/weights/containers/weight_file.h"
#include "train/checkpoint.h"

namespace lspt {
namespace {

int sets_of(const ModelConfig& config) {
  return config.method.prompt.new_prompts == NewPrompts::every ? config.vit.depth : 1;
}

/// For each row of x (n, D) the number of the nearest of the centers (k, D), the first of equals.
std::vector<int64_t> nearest(const Tensor& x, const Tensor& centers) {
  const int64_t k = centers.rows(), d = centers.cols();
  const Tensor products({x.rows(), k});
  gemm(products, x, false, centers, true);
  const float *dot = products.data<float>(), *center = centers.data<float>();
  std::vector<float> half(static_cast<size_t>(k));  // |c|^2 / 2; |x|^2 is the same for all
  for (int64_t c = 0; c < k; ++c)
    for (int64_t j = 0; j < d; ++j)
      half[static_cast<size_t>(c)] += 0.5f * center[c * d + j] * center[c * d + j];
  std::vector<int64_t> of(static_cast<size_t>(x.rows()));
  for (int64_t i = 0; i < x.rows(); ++i) {
    const auto distance = [&](int64_t c) { return half[static_cast<size_t>(c)] - dot[i * k + c]; };
    int64_t best = 0;
    for (int64_t c = 1; c < k; ++c)
      if (distance(c) < distance(best)) best = c;
    of[static_cast<size_t>(i)] = best;
  }
  return of;
}

/// Moves the centers to the means of the rows nearest to them; one without any stays where it is.
void cluster_rows(const Tensor& x, const Tensor& centers) {
  constexpr int kRounds = 20;
  const int64_t k = centers.rows(), d = centers.cols();
  const float* row = x.data<float>();
  std::vector<int64_t> before;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<int64_t> of = nearest(x, centers);
    if (of == before) return;
    before = std::move(of);
    std::vector<double> sums(static_cast<size_t>(k * d));
    std::vector<int64_t> counts(static_cast<size_t>(k));
    for (int64_t i = 0; i < x.rows(); ++i) {
      const int64_t c = before[static_cast<size_t>(i)];
      ++counts[static_cast<size_t>(c)];
      double* sum = sums.data() + c * d;
      for (int64_t j = 0; j < d; ++j) sum[j] += static_cast<double>(row[i * d + j]);
    }
    for (int64_t i = 0; i < k * d; ++i)
      if (const int64_t count = counts[static_cast<size_t>(i / d)]; count > 0)
        centers.data<float>()[i] =
            static_cast<float>(sums[static_cast<size_t>(i)] / static_cast<double>(count));
  }
}

}  // namespace

NamedTensors prompts_from_images(const Model& model, const Tensor& images, bool cluster) {
  const ModelConfig& config = model.config();
  const int64_t count = config.method.prompt.prompts;
  NamedTensors prompts;
  model.patch_tokens(images, [&](int block, const Tensor& rows) {
    if (block >= sets_of(config)) return;
    const Tensor tokens = rows.reshape({rows.rows(), rows.cols()});
    const Tensor chosen({count, rows.cols()});
    const Random random(config.seed, 0, static_cast<uint64_t>(block), Purpose::init);
    for (int64_t p = 0; p < count; ++p) {
      const int64_t row =
          random.below(static_cast<uint64_t>(p), static_cast<uint32_t>(rows.rows()));
      accumulate(chosen.slice(p, p + 1), tokens.slice(row, row + 1), 0.0f);
    }
    if (cluster) cluster_rows(tokens, chosen);
    prompts["prompt." + std::to_string(block)] = chosen;
  });
  return prompts;
}

NamedTensors prompts_from_file(const std::string& given, const ModelConfig& config) {
  const std::string path = checkpoint_path(given, "best.safetensors");
  require(std::filesystem::exists(path), ErrorKind::kUsage, "--prompt-init ", given, ": ", path,
          " does not exist; words are random, tokens and kmeans");
  const WeightFile file = WeightFile::open(path);
  const PromptConfig& prompt = config.method.prompt;
  NamedTensors prompts;
  for (int block = 0; block < sets_of(config); ++block)
    for (const char* part : prompt.rank == 0 ? std::vector{""} : std::vector{".a", ".b"}) {
      const std::string name = "prompt." + std::to_string(block) + part;
      require(file.find(name) != nullptr, ErrorKind::kWeights, "--prompt-init ", path,
              ": has no tensor ", name, ", which --method ", config.method.name,
              " as it is set needs");
      prompts[name] = file.load(name);
    }
  return prompts;
}

}  // namespace lspt
