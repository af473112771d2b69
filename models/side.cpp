#include "models/side.h"

#include <algorithm>
#include <cmath>

#include "engine/accumulate.h"
#include "engine/gemm.h"
#include "ops/add.h"
#include "ops/add_columns.h"
#include "ops/cast.h"
#include "ops/linear.h"
#include "ops/relu.h"

namespace lspt {
namespace {

/// As torch.nn.Linear draws a matrix of `inputs` columns.
Draw uniform_of(int64_t inputs) {
  return {Draw::uniform, 1.0f / std::sqrt(static_cast<float>(inputs))};
}

bool has(unsigned set, int which) { return set >> which & 1u; }

Tensor scaled_by(const Tensor& x, float factor) {
  std::vector<float> values = x.to_vector();
  for (float& value : values) value *= factor;
  return Tensor::from(values, x.shape());
}

}  // namespace

Side::Side(const SideConfig& config, int depth, int64_t width, int64_t hidden, DType dtype,
           const Initializer& initializer)
    : config_(config), dtype_(dtype) {
  const auto add = [&](const std::string& name, const Shape& shape, Draw draw) -> const Var& {
    return parameters_.emplace_back(initializer.trainable(name, shape, draw)).var;
  };
  for (int block = 0; block < depth; ++block) {
    for (int p = 0; p < kProjectionCount && config.lora_rank > 0; ++p) {
      LowRank& update = low_rank_.emplace_back();
      if (!has(config.lora_targets, p)) continue;
      const auto which = static_cast<Projection>(p);
      const int64_t inputs = which == Projection::fc2 ? hidden : width;
      const int64_t outputs = which == Projection::fc1 ? hidden : width;
      const std::string name = "lora." + std::to_string(block) + "." + kProjections[p];
      update.down = add(name + ".down", {config.lora_rank, inputs}, uniform_of(inputs));
      update.up = add(name + ".up", {outputs, config.lora_rank}, constant(0.0f));
    }
    for (int b = 0; b < 2 && config.adapter_dim > 0; ++b) {
      Adapter& adapter = adapters_.emplace_back();
      if (!has(config.adapter_at, b)) continue;
      const int64_t dim = config.adapter_dim;
      const std::string name = "adapter." + std::to_string(block) + "." + kBranches[b];
      adapter.down_weight = add(name + ".down.weight", {dim, width}, uniform_of(width));
      adapter.down_bias = add(name + ".down.bias", {dim}, constant(0.0f));
      adapter.up_weight = add(name + ".up.weight", {width, dim}, constant(0.0f));
      adapter.up_bias = add(name + ".up.bias", {width}, constant(0.0f));
    }
  }
}

Parameters Side::parameters() {
  Parameters all;
  for (Parameter& parameter : parameters_) all.push_back(&parameter);
  return all;
}

bool Side::updates(Projection which) const {
  return config_.lora_rank > 0 && has(config_.lora_targets, static_cast<int>(which));
}

Var Side::projected(int block, Projection first, int count, const Var& x, Var y) const {
  if (config_.lora_rank == 0) return y;
  const int begin = static_cast<int>(first);
  const float scale = config_.lora_alpha / static_cast<float>(config_.lora_rank);
  const int64_t width = y.dim(-1) / count;
  for (int i = 0; i < count; ++i) {
    const LowRank& update = low_rank_[static_cast<size_t>(block * kProjectionCount + begin + i)];
    if (!update.down) continue;
    const Var low = linear(x, update.down, {});
    y = add_columns(std::move(y), linear(low, update.up, {}), i * width, scale);
  }
  return y;
}

void Side::merge(NamedTensors& values) const {
  const float scale = config_.lora_alpha / static_cast<float>(std::max(config_.lora_rank, 1));
  for (size_t i = 0; i < low_rank_.size(); ++i) {
    const LowRank& update = low_rank_[i];
    if (!update.down) continue;
    const auto block = std::to_string(i / kProjectionCount);
    const size_t p = i % kProjectionCount;
    constexpr const char* kLayers[] = {"attn.qkv",  "attn.qkv", "attn.qkv",
                                       "attn.proj", "mlp.fc1",  "mlp.fc2"};
    const Tensor& whole = values.at("blocks." + block + "." + kLayers[p] + ".weight");
    const int64_t rows = update.up.dim(0), first = p < 3 ? static_cast<int64_t>(p) * rows : 0;
    const Tensor part = whole.slice(first, first + rows);
    const auto host = [](const Var& x) { return to_device(x.value, Device::cpu); };
    const Tensor product(part.shape());
    gemm(product, host(update.up), false, host(update.down), false);
    accumulate(part, scaled_by(product, scale), 1.0f);
    const std::string name = "lora." + block + "." + kProjections[p];
    values.erase(name + ".down");
    values.erase(name + ".up");
  }
}

Var Side::joined(int block, Branch which, const Var& x,
                 const std::function<Var(const Var& residual)>& branch) const {
  const Adapter* a = nullptr;
  if (config_.adapter_dim > 0)
    a = &adapters_[static_cast<size_t>(2 * block + static_cast<int>(which))];
  if (!a || !a->down_weight) return branch(x);
  const auto part = [&](const Var& of) {
    const Var low = linear(of, a->down_weight, a->down_bias, {.gelu = config_.adapter_gelu});
    return linear(config_.adapter_gelu ? low : relu(low), a->up_weight, a->up_bias);
  };
  if (!config_.adapter_sequential) return add_columns(branch(x), part(x), 0, config_.adapter_scale);
  const Var y = branch({});
  return add_columns(add(y, x), part(y), 0, config_.adapter_scale);
}

}  // namespace lspt
