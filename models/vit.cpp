#include "models/vit.h"

#include <cmath>
#include <cstdio>

#include "ops/add.h"
#include "ops/cast.h"
#include "ops/layer_norm.h"
#include "ops/masked_tokens.h"
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

struct Size {
  const char* name;
  int embed_dim, depth, num_heads;
};
constexpr Size kSizes[] = {
    {"tiny", 192, 12, 3}, {"small", 384, 12, 6}, {"base", 768, 12, 12}, {"large", 1024, 24, 16}};

void check(const ViTConfig& c) {
  require(
      c.embed_dim >= 1 && c.embed_dim <= 8192 && c.num_heads >= 1 && c.embed_dim % c.num_heads == 0,
      ErrorKind::kUsage, "model: width ", c.embed_dim, " of ", c.num_heads,
      " heads; a multiple of them up to 8192 expected");
  require(c.depth >= 1 && c.depth <= 256, ErrorKind::kUsage, "model: ", c.depth,
          " blocks, 1 to 256 expected");
  require(c.patch_size >= 1 && c.img_size >= c.patch_size && c.img_size % c.patch_size == 0 &&
              c.img_size <= 4096,
          ErrorKind::kUsage, "model: image size ", c.img_size, " is not a multiple of patch ",
          c.patch_size, " up to 4096");
}

}  // namespace

ViTConfig vit_config(const std::string& given, int img_size) {
  const std::string name = size_name(given);
  char size[24] = "";
  int used = 0;
  ViTConfig c;
  c.embed_dim = 0;
  const bool parsed = std::sscanf(name.c_str(), "vit_%23[a-z0-9]_patch%d_%d%n", size, &c.patch_size,
                                  &c.img_size, &used) == 3 &&
                      used == static_cast<int>(name.size());
  for (const Size& known : kSizes)
    if (parsed && size == std::string(known.name)) {
      c.embed_dim = known.embed_dim;
      c.depth = known.depth;
      c.num_heads = known.num_heads;
    }
  if (parsed && c.embed_dim == 0) {
    const bool sizes =
        std::sscanf(size, "%dx%dx%d%n", &c.embed_dim, &c.depth, &c.num_heads, &used) == 3 &&
        size[used] == 0;
    if (!sizes) c.embed_dim = 0;
  }
  require(c.embed_dim > 0, ErrorKind::kUsage, "model: '", given,
          "' is unknown. Models are vit_{tiny,small,base,large}_patch{PATCH}_{SIZE}, for example "
          "vit_base_patch16_224, timm's names of these sizes, vit_base_patch14_dinov2 or "
          "deit3_small_patch16_224.fb_in1k, and vit_{WIDTH}x{BLOCKS}x{HEADS}_patch{PATCH}_{SIZE}");
  c.name = name;
  if (img_size > 0) c.img_size = img_size;
  check(c);
  return c;
}

std::string model_name(const ViTConfig& c) {
  check(c);
  std::string size = std::to_string(c.embed_dim) + "x" + std::to_string(c.depth) + "x" +
                     std::to_string(c.num_heads);
  for (const Size& known : kSizes)
    if (c.embed_dim == known.embed_dim && c.depth == known.depth && c.num_heads == known.num_heads)
      size = known.name;
  return "vit_" + size + "_patch" + std::to_string(c.patch_size) + "_" + std::to_string(c.img_size);
}

NamedShapes backbone_shapes(const ViTConfig& c) {
  const int64_t d = c.embed_dim, p = c.patch_size;
  NamedShapes shapes = {{"cls_token", {1, 1, d}},
                        {"pos_embed", {1, 1 + c.num_patches(), d}},
                        {"patch_embed.proj.weight", {d, 3, p, p}},
                        {"patch_embed.proj.bias", {d}}};
  for (int i = 0; i < c.depth; ++i)
    add_block_shapes(shapes, "blocks." + std::to_string(i) + ".", d, d * c.mlp_ratio);
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

ViT::ViT(const ViTConfig& config, const std::function<bool(const std::string&)>& trains,
         DType dtype, const Initializer& initializer)
    : config_(config), dtype_(dtype) {
  for (const auto& [name, shape] : backbone_shapes(config)) {
    const DType kept = name.ends_with("weight") && shape.rank() > 1 ? dtype : DType::f32;
    parameters_.push_back(trains(name)
                              ? initializer.trainable(name, shape, initial(name, shape))
                              : initializer.frozen(name, shape, initial(name, shape), kept));
    // timm decays matrices only; its ViT also exempts the class token and position embedding.
    parameters_.back().weight_decay = name.ends_with("weight") && shape.rank() > 1;
  }
  for (size_t i = 4; i + 2 < parameters_.size(); i += 12)
    blocks_.push_back(block_weights(parameters_, i));
}

Parameters ViT::parameters() {
  Parameters all;
  for (Parameter& parameter : parameters_) all.push_back(&parameter);
  return all;
}

void ViT::check_images(const Tensor& images) const {
  require(images.rank() == 4 && images.dim(1) == 3 && images.dim(2) == config_.img_size &&
              images.dim(3) == config_.img_size,
          "vit: images ", images.shape(), ", expected (B, 3, ", config_.img_size, ", ",
          config_.img_size, ")");
}

Var ViT::embed(const Tensor& images) const {
  const Var &cls = parameters_[0].var, &position = parameters_[1].var;
  const int64_t d = config_.embed_dim;
  check_images(images);
  Var x = patch_embed(images, parameters_[2].var, parameters_[3].var, dtype_);
  x = splice(x, 0, 0, cast(reshape(cls, {1, d}), dtype_));
  return add(x, cast(reshape(position, {1 + config_.num_patches(), d}), dtype_));
}

Var ViT::embed_visible(const Tensor& images, const Tensor& order, int64_t visible) const {
  check_images(images);
  const int64_t d = config_.embed_dim, patches = config_.num_patches();
  const Var position = cast(reshape(parameters_[1].var, {1 + patches, d}), dtype_);
  Var x = patch_embed(images, parameters_[2].var, parameters_[3].var, dtype_);
  x = gather_tokens(add(x, slice_rows(position, 1, 1 + patches)), 0, order, 0, visible);
  const Var cls = cast(reshape(parameters_[0].var, {1, d}), dtype_);
  return splice(x, 0, 0, add(cls, slice_rows(position, 0, 1)));
}

Var ViT::block(int index, const Var& x, const BlockOptions& options) const {
  BlockOptions mine = options;
  mine.temperature_index = mine.index = index;
  return transformer_block(blocks_[static_cast<size_t>(index)], config_.num_heads, config_.norm_eps,
                           x, mine);
}

Var ViT::final_norm(const Var& x) const {
  const size_t last = parameters_.size();
  return layer_norm(x, parameters_[last - 2].var, parameters_[last - 1].var, config_.norm_eps);
}

}  // namespace lspt
