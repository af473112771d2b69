#include "models/model.h"

#include <cmath>

#include "engine/accumulate.h"
#include "ops/cast.h"
#include "ops/linear.h"
#include "ops/patch_pool.h"
#include "ops/relu.h"
#include "ops/reshape.h"
#include "ops/tokens.h"

namespace lspt {

namespace {

Tensor host_values(const Var& x) { return to_dtype(to_device(x.value, Device::cpu), DType::f32); }

}  // namespace

Model::Model(const ModelConfig& config, const NamedTensors& values)
    : config_(config),
      vit_(
          config.vit,
          [&](const std::string& name) { return config.method.trains(name, config.vit.depth); },
          config.dtype, Initializer(config.seed, config.device, values)),
      prompts_(config.method.prompt, config.vit, config.dtype,
               Initializer(config.seed, config.device, values)),
      side_(config.method.side, config.vit.depth, config.vit.embed_dim,
            config.vit.embed_dim * config.vit.mlp_ratio, config.dtype,
            Initializer(config.seed, config.device, values)) {
  require(config.num_classes >= 1, ErrorKind::kUsage, "model: ", config.num_classes, " classes");
  const Initializer initializer(config.seed, config.device, values);
  const auto add = [&](const std::string& name, const Shape& shape, Draw draw) {
    Parameter& parameter = head_.emplace_back(initializer.trainable(name, shape, draw));
    parameter.weight_decay = shape.rank() > 1;
    parameter.lr_scale = config.head_lr_mult;
  };
  // Kaiming-normal by fan-out, as VPT's head has it in every layer.
  const auto normal = [](int64_t outputs) {
    return Draw{Draw::normal, std::sqrt(2.0f / static_cast<float>(outputs))};
  };
  const HeadConfig& head = config.method.head;
  const int64_t classes = config.num_classes;
  int64_t width = config.vit.embed_dim;
  for (int layer = 0; layer + 1 < head.layers; ++layer) {
    const int64_t outputs = head.hidden > 0 ? head.hidden : config.vit.embed_dim;
    const std::string name = "head.hidden." + std::to_string(layer);
    add(name + ".weight", {outputs, width}, normal(outputs));
    add(name + ".bias", {outputs}, constant(0.0f));
    width = outputs;
  }
  // As sigmoids the classes of VPT's head would start near 0.01.
  const bool vpt = config.head_init == HeadInit::vpt;
  add("head.weight", {classes, width}, vpt ? normal(classes) : constant(0));
  add("head.bias", {classes}, constant(vpt ? -std::log(0.99f / 0.01f) : 0.0f));
  frozen_blocks_ = count_frozen_blocks();
}

Parameters Model::parameters() {
  Parameters all = vit_.parameters();
  for (const Parameters& part : {prompts_.parameters(), side_.parameters()})
    all.insert(all.end(), part.begin(), part.end());
  for (Parameter& parameter : head_) all.push_back(&parameter);
  return all;
}

Parameters Model::trainable() {
  Parameters all = parameters();
  std::erase_if(all, [](const Parameter* parameter) { return !parameter->var.node; });
  return all;
}

NamedTensors Model::merged() {
  NamedTensors values;
  for (const Parameter* parameter : parameters()) {
    // A copy: what is merged is changed in place.
    const Tensor own(parameter->var.shape());
    accumulate(own, to_device(to_dtype(parameter->var.value, DType::f32), Device::cpu), 0.0f);
    values[parameter->name] = own;
  }
  side_.merge(values);
  return values;
}

void Model::load(const NamedTensors& values) {
  const Parameters all = parameters();
  for (const auto& [name, value] : values) {
    const auto it = std::find_if(all.begin(), all.end(), [&wanted = name](const Parameter* have) {
      return have->name == wanted;
    });
    require(it != all.end(), ErrorKind::kWeights, "weights: this model has no parameter ", name);
    assign(**it, value);
  }
}

int Model::count_frozen_blocks() {
  const Parameters all = trainable();
  const std::string prefix = "blocks.";
  int first = config_.vit.depth;
  if (all.size() == head_.size()) return first;
  for (const Parameter* parameter : all) {
    const std::string& name = parameter->name;
    if (name.starts_with(prefix))
      first = std::min(first, std::stoi(name.substr(prefix.size())));
    else if (!name.starts_with("norm.") && !name.starts_with("head."))
      return 0;
  }
  return std::min(first, config_.vit.depth - 1);
}

PromptTrace Model::trace(const Tensor& images) const {
  Probe probe;
  look(images, probe);
  return probe.trace;
}

void Model::look(const Tensor& images, Probe& probe) const {
  require(probe.attention_block >= Probe::kNone && probe.attention_block < config_.vit.depth,
          ErrorKind::kUsage, "block ", probe.attention_block, " of a model with blocks 0 to ",
          config_.vit.depth - 1);
  pooled(vit_.embed(to_device(images, config_.device)), 0, {}, &probe);
}

Tensor Model::stem(const Tensor& images) {
  const int blocks = frozen_blocks();
  if (blocks == config_.vit.depth) return features(images).value;
  Var x = vit_.embed(to_device(images, config_.device));
  for (int l = 0; l < blocks; ++l) x = vit_.block(l, x);
  return x.value;
}

void Model::patch_tokens(const Tensor& images,
                         const std::function<void(int block, const Tensor& rows)>& see) const {
  Var x = vit_.embed(to_device(images, config_.device));
  for (int l = 0; l < config_.vit.depth; ++l) {
    if (l > 0) x = vit_.block(l - 1, x);
    see(l, host_values(slice_tokens(x, 1, x.dim(1))));
  }
}

Var Model::pooled(Var x, int first_block, const StepKey& key, Probe* probe) const {
  const PromptConfig& method = config_.method.prompt;
  const int last = config_.vit.depth - 1;
  const bool token = config_.pool == Pool::token;
  Prompts::State state{.batch = x.dim(0), .key = key, .probe = probe};
  Var entering;
  if (method.prompts > 0) entering = prompts_.learnable(0, state);

  bool inserted = false;  // whether x holds prompt rows
  for (int l = first_block; l <= last; ++l) {
    BlockOptions options{.class_only = token && l == last,
                         .temperature = prompts_.temperature(),
                         .side = side_.any() ? &side_ : nullptr};
    if (method.key_value) {
      options.prompt_kv = entering;
    } else if (entering && !inserted) {
      // Prompt rows that nobody reads after the block are keys and values only.
      const bool pooled = l == last && config_.pool == Pool::avg;
      const bool read = !options.class_only && (method.carry != Carry::none || pooled);
      (read ? options.insert : options.prompts) = entering;
      inserted = read;
    }
    if (probe && probe->values && entering)
      probe->entering.push_back(host_values(
          inserted && !options.insert ? slice_tokens(x, 1, 1 + method.prompts) : entering));
    if (probe && probe->attention_block == l) options.class_attention = &probe->attention;
    const Var before = x;
    x = vit_.block(l, x, options);
    if (!entering || l == last) continue;
    // Plain carrying leaves the rows where they are.
    const bool stay =
        method.carry == Carry::out && !method.gspc && method.new_prompts == NewPrompts::first;
    if (stay) continue;
    entering = prompts_.next(l, entering, before, x, state);
    if (inserted) x = splice(std::move(x), 1, method.prompts, entering);
  }
  if (token) return vit_.final_norm(slice_tokens(x, 0, 1));
  const int64_t first = config_.pool == Pool::avg ? 1 : x.dim(1) - config_.vit.num_patches();
  return config_.fc_norm ? vit_.final_norm(patch_pool(x, first, x.dim(1)))
                         : patch_pool(vit_.final_norm(x), first, x.dim(1));
}

Var Model::features(const Tensor& images, const StepKey& key) const {
  const Tensor x = to_device(images, config_.device);
  if (x.rank() == 2) return Var(x);
  const Var read =
      x.rank() == 3 ? pooled(Var(x), frozen_blocks(), key) : pooled(vit_.embed(x), 0, key);
  return cast(reshape(read, {read.dim(0), config_.vit.embed_dim}), DType::f32);
}

Var Model::forward(const Tensor& images, const StepKey& key) {
  Var x = features(images, key);
  for (size_t i = 0; i < head_.size(); i += 2) {
    if (i > 0) x = relu(x);
    x = linear(x, head_[i].var, head_[i + 1].var);
  }
  return x;
}

}  // namespace lspt
