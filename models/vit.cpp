#include "models/vit.h"

#include <cmath>
#include <cstdio>

#include "ops/add.h"
#include "ops/attention/attention.h"
#include "ops/cast.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/patch_embed.h"
#include "ops/reshape.h"
#include "ops/tokens.h"

namespace lspt {
namespace {

/// timm's other names of the same sizes: with a tag, by the pre-training, DeiT's.
std::string size_name(std::string name) {
  name = name.substr(0, name.find('.'));
  for (const std::string deit : {"deit3_", "deit_"})
    if (name.starts_with(deit)) name = "vit_" + name.substr(deit.size());
  for (const auto& [suffix, size] : {std::pair<std::string, std::string>{"_dinov2", "_518"},
                                     {"_dino", ""},
                                     {"_mae", ""},
                                     {"_in21k", ""}})
    if (name.ends_with(suffix)) name = name.substr(0, name.size() - suffix.size()) + size;
  return name;
}

}  // namespace

ViTConfig vit_config(const std::string& given, int img_size) {
  const std::string name = size_name(given);
  struct Size {
    const char* name;
    int embed_dim, depth, num_heads;
  };
  constexpr Size kSizes[] = {
      {"tiny", 192, 12, 3}, {"small", 384, 12, 6}, {"base", 768, 12, 12}, {"large", 1024, 24, 16}};
  char size_name[16] = "";
  int patch = 0, image = 0, used = 0;
  const bool parsed = std::sscanf(name.c_str(), "vit_%15[a-z]_patch%d_%d%n", size_name, &patch,
                                  &image, &used) == 3 &&
                      used == static_cast<int>(name.size());
  ViTConfig config;
  for (const Size& size : kSizes)
    if (parsed && size_name == std::string(size.name) &&
        (patch == 8 || patch == 14 || patch == 16)) {
      config.name = name;
      config.embed_dim = size.embed_dim;
      config.depth = size.depth;
      config.num_heads = size.num_heads;
      config.patch_size = patch;
      config.img_size = img_size > 0 ? img_size : image;
    }
  require(!config.name.empty(), ErrorKind::kUsage, "model: '", given,
          "' is unknown. Models are vit_{tiny,small,base,large}_patch{8,14,16}_SIZE, for example "
          "vit_base_patch16_224, and timm's names of these sizes, vit_base_patch14_dinov2 or "
          "deit3_small_patch16_224.fb_in1k");
  require(config.img_size >= patch && config.img_size % patch == 0 && config.img_size <= 4096,
          ErrorKind::kUsage, "model: image size ", config.img_size, " is not a multiple of patch ",
          patch, " up to 4096");
  return config;
}

std::vector<std::pair<std::string, Shape>> backbone_shapes(const ViTConfig& c) {
  const int64_t d = c.embed_dim, hidden = d * c.mlp_ratio, p = c.patch_size;
  std::vector<std::pair<std::string, Shape>> shapes = {{"cls_token", {1, 1, d}},
                                                       {"pos_embed", {1, 1 + c.num_patches(), d}},
                                                       {"patch_embed.proj.weight", {d, 3, p, p}},
                                                       {"patch_embed.proj.bias", {d}}};
  for (int i = 0; i < c.depth; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    const auto add = [&](const char* name, const Shape& weight) {
      shapes.emplace_back(block + name + ".weight", weight);
      shapes.emplace_back(block + name + ".bias", Shape{weight[0]});
    };
    add("norm1", {d});
    add("attn.qkv", {3 * d, d});
    add("attn.proj", {d, d});
    add("norm2", {d});
    add("mlp.fc1", {hidden, d});
    add("mlp.fc2", {d, hidden});
  }
  shapes.emplace_back("norm.weight", Shape{d});
  shapes.emplace_back("norm.bias", Shape{d});
  return shapes;
}

namespace {

/// timm's initial values: truncated normal 0.02, norms 1 and biases 0, the patch convolution as
/// torch.nn.Conv2d draws it.
Draw initial(const std::string& name, const Shape& shape) {
  const float fan_in = shape.rank() == 4 ? static_cast<float>(shape.numel() / shape[0]) : 1.0f;
  if (name.starts_with("patch_embed"))
    return shape.rank() == 4 ? Draw{Draw::uniform, 1.0f / std::sqrt(fan_in)} : constant(0.0f);
  if (name == "cls_token") return {Draw::normal, 1e-6f};
  if (name.find("norm") != std::string::npos)
    return constant(name.ends_with("weight") ? 1.0f : 0.0f);
  return name.ends_with("bias") ? constant(0.0f) : Draw{Draw::truncated, 0.02f};
}

}  // namespace

ViT::ViT(const ViTConfig& config, bool trainable, DType dtype, const Initializer& initializer)
    : config_(config), dtype_(dtype) {
  for (const auto& [name, shape] : backbone_shapes(config)) {
    const DType kept = name.ends_with("weight") && shape.rank() > 1 ? dtype : DType::f32;
    parameters_.push_back(trainable ? initializer.trainable(name, shape, initial(name, shape))
                                    : initializer.frozen(name, shape, initial(name, shape), kept));
    // timm decays matrices only; its ViT also exempts the class token and position embedding.
    parameters_.back().weight_decay = name.ends_with("weight") && shape.rank() > 1;
  }
  const auto at = [&](size_t i) -> const Var& { return parameters_[i].var; };
  for (size_t i = 4; i + 2 < parameters_.size(); i += 12)
    blocks_.push_back({at(i), at(i + 1), at(i + 2), at(i + 3), at(i + 4), at(i + 5), at(i + 6),
                       at(i + 7), at(i + 8), at(i + 9), at(i + 10), at(i + 11)});
}

Parameters ViT::parameters() {
  Parameters all;
  for (Parameter& parameter : parameters_) all.push_back(&parameter);
  return all;
}

Var ViT::embed(const Tensor& images) const {
  const Var &cls = parameters_[0].var, &position = parameters_[1].var;
  const int64_t d = config_.embed_dim;
  require(images.rank() == 4 && images.dim(1) == 3 && images.dim(2) == config_.img_size &&
              images.dim(3) == config_.img_size,
          "vit: images ", images.shape(), ", expected (B, 3, ", config_.img_size, ", ",
          config_.img_size, ")");
  Var x = patch_embed(images, parameters_[2].var, parameters_[3].var, dtype_);
  x = splice(x, 0, 0, cast(reshape(cls, {1, d}), dtype_));
  return add(x, cast(reshape(position, {1 + config_.num_patches(), d}), dtype_));
}

Var ViT::norm(const Var& x, const Var& weight, const Var& bias) const {
  return layer_norm(x, weight, bias, config_.norm_eps);
}

Var ViT::block(int index, const Var& input, const BlockOptions& options) const {
  const Block& w = blocks_[static_cast<size_t>(index)];
  const int64_t d = config_.embed_dim;
  AttentionOptions attention_options{.temperature = options.temperature,
                                     .temperature_index = index};
  const auto keys_values = [&](const Var& rows) {
    return linear(rows, slice_rows(w.qkv_weight, d, 3 * d), slice_rows(w.qkv_bias, d, 3 * d));
  };
  if (options.prompts)
    attention_options.prompt_kv = keys_values(norm(options.prompts, w.norm1_weight, w.norm1_bias));

  // Where only a slice of a tensor is read beside the whole, the slice is taken first: its gradient
  // then arrives last and is added to what the whole's has already filled.
  Var x = input, mixed;
  if (options.class_only) {
    x = slice_tokens(input, 0, 1);
    const Var n = norm(input, w.norm1_weight, w.norm1_bias);
    attention_options.query =
        linear(slice_tokens(n, 0, 1), slice_rows(w.qkv_weight, 0, d), slice_rows(w.qkv_bias, 0, d));
    mixed = attention(keys_values(n), config_.num_heads, attention_options);
  } else {
    Var qkv = linear(norm(input, w.norm1_weight, w.norm1_bias), w.qkv_weight, w.qkv_bias);
    if (options.insert) {
      x = splice(input, 1, 0, options.insert);
      qkv = splice(
          qkv, 1, 0,
          linear(norm(options.insert, w.norm1_weight, w.norm1_bias), w.qkv_weight, w.qkv_bias));
    }
    mixed = attention(qkv, config_.num_heads, attention_options);
  }
  x = linear(mixed, w.proj_weight, w.proj_bias, {.residual = x});
  const Var hidden =
      linear(norm(x, w.norm2_weight, w.norm2_bias), w.fc1_weight, w.fc1_bias, {.gelu = true});
  return linear(hidden, w.fc2_weight, w.fc2_bias, {.residual = x});
}

Var ViT::final_norm(const Var& x) const {
  const size_t last = parameters_.size();
  return norm(x, parameters_[last - 2].var, parameters_[last - 1].var);
}

}  // namespace lspt
