#include "models/prompt.h"

#include <algorithm>
#include <cmath>

#include "engine/accumulate.h"
#include "ops/add.h"
#include "ops/cast.h"
#include "ops/dropout.h"
#include "ops/gate.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/mix_tokens.h"
#include "ops/patch_pool.h"
#include "ops/reshape.h"
#include "ops/tokens.h"

namespace lspt {
namespace {

double rms(const Var& x) {
  double squares = 0;
  for (const float value : x.value.to_vector())
    squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares / static_cast<double>(x.value.numel()));
}

}  // namespace

Prompts::Prompts(const PromptConfig& config, const ViTConfig& vit, DType dtype,
                 const Initializer& initializer)
    : config_(config),
      vit_(vit),
      dtype_(dtype),
      hidden_(config.lstm_hidden > 0 ? config.lstm_hidden : vit.embed_dim) {
  if (config.prompts == 0) return;
  const int64_t d = vit.embed_dim, h = hidden_, p = vit.patch_size;
  const auto add = [&](const std::string& name, const Shape& shape, Draw draw) -> Parameter& {
    return parameters_.emplace_back(initializer.trainable(name, shape, draw));
  };
  // VPT 3.2: uniform with the Xavier bound of the patch embedding.
  const Draw draw_prompt{Draw::uniform, std::sqrt(6.0f / static_cast<float>(3 * p * p + d))};
  const int sets = config.new_prompts == NewPrompts::every ? vit.depth : 1;
  // A product of two such has the variance of draw_prompt.
  const auto rank = static_cast<float>(std::max(config.rank, 1));
  const Draw draw_factor{Draw::uniform, std::sqrt(draw_prompt.spread * std::sqrt(3.0f / rank))};
  const int64_t width = config.key_value ? 2 * d : d;
  for (int l = 0; l < sets; ++l) {
    const std::string name = "prompt." + std::to_string(l);
    if (config.rank == 0) {
      prompts_.push_back(add(name, {config.prompts, width}, draw_prompt).var);
    } else {
      prompts_.push_back(add(name + ".a", {config.prompts, config.rank}, draw_factor).var);
      prompts_.push_back(add(name + ".b", {width, config.rank}, draw_factor).var);
    }
  }

  if (config.carry == Carry::lstm && vit.depth > 1) {
    const Draw uniform{Draw::uniform, 1.0f / std::sqrt(static_cast<float>(h))};  // as torch.nn.LSTM
    const int cells = config.lstm_share ? 1 : vit.depth - 1;
    for (int l = 0; l < cells; ++l) {
      const std::string name = "lspt.lstm." + (config.lstm_share ? "" : std::to_string(l) + ".");
      const size_t first = parameters_.size();
      add(name + "weight_ih", {4 * h, d}, uniform);
      add(name + "weight_hh", {4 * h, h}, uniform);
      const Tensor bias = add(name + "bias_ih", {4 * h}, uniform).var.value;
      add(name + "bias_hh", {4 * h}, uniform);
      const Tensor forget = bias.slice(h, 2 * h);  // gate order i, f, g, o
      const Tensor more({h}, DType::f32, bias.device());
      fill(more, config.forget_bias);
      accumulate(forget, more, 1.0f);
      for (size_t i = first; i < parameters_.size(); ++i) {
        parameters_[i].lr_scale = config.lstm_lr_mult;
        cells_.push_back(parameters_[i].var);
      }
    }
    if (h != d) {
      const float xavier = std::sqrt(6.0f / static_cast<float>(h + d));
      up_weight_ = add("lspt.up.weight", {d, h}, {Draw::uniform, xavier}).var;
      up_bias_ = add("lspt.up.bias", {d}, constant(0.0f)).var;
    }
  }
  for (int l = 0; config.mixtures && l + 1 < vit.depth; ++l)
    mixtures_.push_back(add("gspc." + std::to_string(l) + ".weight",
                            {config.prompts, vit.num_patches()}, constant(0.0f))
                            .var);
  if (config.carry == Carry::gate && vit.depth > 1)
    gate_ = add("gate.logit", {vit.depth - 1}, constant(-config.gate_init)).var;
  if (config.attn_temp) temperature_ = add("attn.temp", {vit.depth}, constant(1.0f)).var;
}

Parameters Prompts::parameters() {
  Parameters all;
  for (Parameter& parameter : parameters_) all.push_back(&parameter);
  return all;
}

Var Prompts::learnable(int block, const State& state) const {
  const auto at = static_cast<size_t>(block);
  const Var prompt = config_.rank == 0
                         ? cast(prompts_[at], dtype_)
                         : linear(cast(prompts_[2 * at], dtype_), prompts_[2 * at + 1], {});
  if (config_.dropout == 0.0f || !Tape::current()) return prompt;
  return dropout(expand(prompt, state.batch), config_.dropout,
                 state.key.stream(Purpose::dropout, static_cast<uint64_t>(vit_.depth),
                                  static_cast<uint64_t>(block)));
}

Var Prompts::patch_mean(const Var& x) const {
  const int64_t patches = vit_.num_patches(), first = x.dim(1) - patches;
  Var rows = config_.mean_ln ? layer_norm(x, {}, {}, vit_.norm_eps) : x;
  if (config_.mean_cls && first > 1) rows = splice(rows, 1, first - 1, {});  // without prompts
  Var mean = patch_pool(rows, config_.mean_cls ? 0 : first, rows.dim(1));
  if (config_.mean_detach) mean.node = nullptr;
  return reshape(mean, {x.dim(0), 1, x.dim(2)});
}

Var Prompts::mixture(int block, const Var& x) const {
  return mix_tokens(x, x.dim(1) - vit_.num_patches(), x.dim(1),
                    mixtures_[static_cast<size_t>(block)]);
}

void Prompts::look_at_gates(int block, const Var& source, const State& state) const {
  const Var* w = &cells_[config_.lstm_share ? 0 : 4 * static_cast<size_t>(block)];
  const auto f32 = [](const Var& x) { return Var(to_dtype(x.value, DType::f32)); };
  const int64_t rows = source.dim(0) * source.dim(1);
  Var sums = linear(f32(reshape(source, {rows, source.dim(2)})), f32(w[0]), f32(w[2]));
  if (state.hidden) sums = linear(f32(state.hidden), f32(w[1]), {}, {.residual = sums});
  std::vector<float> a = sums.value.to_vector();
  const std::vector<float> bias = w[3].value.to_vector();
  PromptTrace::Block& out = state.probe->trace.blocks.back();
  const auto h = static_cast<size_t>(hidden_);
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t gate = i / h % 4;
    const double x = static_cast<double>(a[i]) + static_cast<double>(bias[i % (4 * h)]);
    const double value = gate == 2 ? std::tanh(x) : 1 / (1 + std::exp(-x));
    out.gates[gate] += value;
    out.saturated[gate] += gate == 2 ? std::abs(value) > 0.98 : std::abs(value - 0.5) > 0.49;
    a[i] = static_cast<float>(value);
  }
  for (size_t gate = 0; gate < 4; ++gate)
    for (double* x : {&out.gates[gate], &out.saturated[gate]})
      *x *= 4 / static_cast<double>(a.size());
  if (state.probe->values) state.probe->gates.push_back(Tensor::from(a, {rows, 4 * hidden_}));
}

Var Prompts::lstm(int block, const LstmInput& source, State& state) const {
  if (block == 0 || !config_.lstm_share) {
    const Var* w = &cells_[config_.lstm_share ? 0 : 4 * static_cast<size_t>(block)];
    state.cell = lstm_weights(cast(w[0], dtype_), cast(w[1], dtype_), w[2], w[3],
                              config_.lstm_share ? vit_.depth : 1);
  }
  std::tie(state.hidden, state.memory) = lstm_cell(source, state.hidden, state.memory, state.cell);
  const Var out = reshape(state.hidden, {source.images(), source.end - source.begin, hidden_});
  return up_weight_ ? linear(out, up_weight_, up_bias_) : out;
}

Var Prompts::next(int block, const Var& entered, const Var& x_in, const Var& x_out,
                  State& state) const {
  if (config_.carry == Carry::none) return learnable(block + 1, state);
  const int64_t p = config_.prompts;
  PromptTrace* trace = state.probe ? &state.probe->trace : nullptr;
  if (trace)
    trace->blocks.push_back(
        {.entering = rms(entered), .leaving = rms(slice_tokens(x_out, 1, 1 + p))});
  Var mean;
  if (config_.gspc) {
    mean = patch_mean(config_.mean_in ? x_in : x_out);
    if (trace) trace->blocks.back().mean = rms(mean);
  }
  const Var added = config_.lpc_first ? Var() : mean;
  Var mixed;
  if (config_.mixtures) mixed = mixture(block, config_.mean_in ? x_in : x_out);
  const auto source = [&] {
    Var out = slice_tokens(x_out, 1, 1 + p);
    if (added) out = add(out, added);
    return mixed && !config_.lpc_first ? add(out, mixed) : out;
  };
  Var carried;
  if (config_.carry == Carry::lstm) {
    if (trace) look_at_gates(block, source(), state);
    // With mixtures the sum is made before, without in the kernel that writes the LSTM's input.
    carried = lstm(
        block,
        mixed && !config_.lpc_first ? LstmInput(source(), 0, p) : LstmInput(x_out, 1, 1 + p, added),
        state);
    if (trace) {
      trace->blocks.back().hidden = rms(state.hidden);
      trace->blocks.back().memory = rms(state.memory);
    }
    if (config_.lstm_residual) carried = add(carried, source());
  } else if (config_.carry == Carry::gate) {
    const Var before = entered.value.rank() == 3 ? entered : expand(entered, state.batch);
    carried = gate(before, source(), gate_, block);
  } else {
    carried = source();
  }
  if (mean && config_.lpc_first) carried = add(carried, mean);
  if (mixed && config_.lpc_first) carried = add(carried, mixed);
  if (config_.new_prompts == NewPrompts::first) return carried;
  return add(carried, learnable(block + 1, state));
}

}  // namespace lspt
