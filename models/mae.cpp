#include "models/mae.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/random.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/masked_tokens.h"
#include "ops/patch_loss.h"
#include "ops/reshape.h"

namespace lspt {
namespace {

constexpr const char* kPositions[] = {"pos_embed", "decoder_pos_embed"};

NamedShapes decoder_shapes(const MaeConfig& c) {
  const int64_t d = c.vit.embed_dim, width = c.decoder_dim;
  const int64_t pixels = int64_t{3} * c.vit.patch_size * c.vit.patch_size;
  NamedShapes shapes = {{"mask_token", {1, 1, width}},
                        {"decoder_pos_embed", {1, 1 + c.vit.num_patches(), width}},
                        {"decoder_embed.weight", {width, d}},
                        {"decoder_embed.bias", {width}}};
  for (int i = 0; i < c.decoder_depth; ++i)
    add_block_shapes(shapes, "decoder_blocks." + std::to_string(i) + ".", width,
                     width * c.vit.mlp_ratio);
  shapes.insert(shapes.end(), {{"decoder_norm.weight", {width}},
                               {"decoder_norm.bias", {width}},
                               {"decoder_pred.weight", {pixels, width}},
                               {"decoder_pred.bias", {pixels}}});
  return shapes;
}
constexpr size_t kFirstBlock = 4;  // of the decoder's parameters

/// MAE's initial values. Its patch convolution is drawn as the matrix that it is.
Draw initial_of(const std::string& name, const Shape& shape) {
  if (name.ends_with("_token")) return {Draw::normal, 0.02f};
  if (name.ends_with("bias")) return constant(0.0f);
  if (name.find("norm") != std::string::npos) return constant(1.0f);
  const float fans = static_cast<float>(shape[0] + shape.numel() / shape[0]);
  return {Draw::uniform, std::sqrt(6.0f / fans)};
}

NamedTensors with_initial_values(const MaeConfig& c, const NamedTensors& given) {
  NamedTensors values;
  const Initializer initializer(c.seed, Device::cpu, given);
  for (const auto& [name, shape] : mae_shapes(c)) {
    const bool table = name.ends_with("pos_embed");
    values[name] = table ? sincos_positions(shape[2], c.vit.grid()).reshape(shape)
                         : initializer.value(name, shape, initial_of(name, shape));
  }
  return values;
}

const MaeConfig& checked(const MaeConfig& c) {
  require(c.decoder_dim > 0 && c.decoder_heads > 0 && c.decoder_dim % c.decoder_heads == 0,
          ErrorKind::kUsage, "mae: a decoder of width ", c.decoder_dim, " cannot have ",
          c.decoder_heads, " heads");
  require(c.decoder_depth >= 1, ErrorKind::kUsage, "mae: a decoder of ", c.decoder_depth,
          " blocks");
  require(c.visible() >= 1 && c.visible() < c.vit.num_patches(), ErrorKind::kUsage,
          "mae: mask ratio ", c.mask_ratio, " leaves ", c.visible(), " of ", c.vit.num_patches(),
          " patches to see; at least one seen and one masked expected");
  return c;
}

}  // namespace

int64_t MaeConfig::visible() const {
  return static_cast<int64_t>(static_cast<double>(vit.num_patches()) * (1.0 - mask_ratio));
}

void scale_decoder(MaeConfig& c) {
  c.decoder_dim = std::clamp((2 * c.vit.embed_dim / 3 + 16) / 32 * 32, 32, 512);
  c.decoder_depth = std::clamp(2 * c.vit.depth / 3, 1, 8);
  c.decoder_heads = c.decoder_dim / 32;
}

NamedShapes mae_shapes(const MaeConfig& config) {
  NamedShapes shapes = backbone_shapes(config.vit);
  const NamedShapes decoder = decoder_shapes(config);
  shapes.insert(shapes.end(), decoder.begin(), decoder.end());
  return shapes;
}

Tensor sincos_positions(int64_t width, int64_t grid) {
  require(width > 0 && width % 4 == 0, ErrorKind::kUsage, "mae: width ", width,
          " for sine-cosine positions, a multiple of 4 expected");
  const Tensor table = Tensor::zeros({1 + grid * grid, width});
  const int64_t count = width / 4;
  for (int64_t patch = 0; patch < grid * grid; ++patch) {
    float* row = table.data<float>() + (1 + patch) * width;
    for (int64_t k = 0; k < count; ++k) {
      const double w = 1.0 / std::pow(10000.0, static_cast<double>(k) / static_cast<double>(count));
      const double x = static_cast<double>(patch % grid) * w;
      const double y = static_cast<double>(patch / grid) * w;
      row[k] = static_cast<float>(std::sin(x));
      row[count + k] = static_cast<float>(std::cos(x));
      row[2 * count + k] = static_cast<float>(std::sin(y));
      row[3 * count + k] = static_cast<float>(std::cos(y));
    }
  }
  return table;
}

Tensor random_order(const std::vector<int64_t>& images, int64_t patches, uint64_t seed,
                    uint32_t epoch) {
  Tensor order({static_cast<int64_t>(images.size()), patches});
  float* out = order.data<float>();
  std::vector<std::pair<float, int64_t>> noise(static_cast<size_t>(patches));
  for (const int64_t image : images) {
    const Random random(seed, epoch, static_cast<uint64_t>(image), Purpose::mask);
    for (int64_t n = 0; n < patches; ++n)
      noise[static_cast<size_t>(n)] = {random.uniform(static_cast<uint64_t>(n)), n};
    std::sort(noise.begin(), noise.end());
    for (const auto& [value, n] : noise) *out++ = static_cast<float>(n);
  }
  return order;
}

Mae::Mae(const MaeConfig& config, const NamedTensors& given)
    : config_(checked(config)),
      values_(with_initial_values(config, given)),
      encoder_(
          config.vit, [](const std::string&) { return true; }, config.dtype,
          Initializer(config.seed, config.device, values_)) {
  const Initializer initializer(config.seed, config.device, values_);
  for (const auto& [name, shape] : decoder_shapes(config))
    parameters_.push_back(initializer.trainable(name, shape, {}));
  for (int i = 0; i < config.decoder_depth; ++i)
    blocks_.push_back(block_weights(parameters_, kFirstBlock + 12 * static_cast<size_t>(i)));
  for (Parameter* parameter : parameters()) {
    parameter->weight_decay = parameter->var.shape().rank() > 1;
    for (const char* name : kPositions)
      if (parameter->name == name) parameter->var.node = nullptr;
  }
  const Var& table = named("decoder_pos_embed");
  positions_ = table.value.reshape({table.dim(1), table.dim(2)});
  values_.clear();
}

Parameters Mae::parameters() {
  Parameters all = encoder_.parameters();
  for (Parameter& parameter : parameters_) all.push_back(&parameter);
  return all;
}

Parameters Mae::trainable() {
  Parameters all = parameters();
  std::erase_if(all, [](const Parameter* parameter) { return !parameter->var.node; });
  return all;
}

const Var& Mae::named(const std::string& name) const {
  const auto it = std::find_if(parameters_.begin(), parameters_.end(),
                               [&](const Parameter& have) { return have.name == name; });
  require(it != parameters_.end(), "mae: no parameter ", name);
  return it->var;
}

Var Mae::encode(const Tensor& images, const Tensor& order) const {
  Var x = encoder_.embed_visible(to_device(images, config_.device),
                                 to_device(order, config_.device), config_.visible());
  for (int l = 0; l < config_.vit.depth; ++l) x = encoder_.block(l, x);
  return encoder_.final_norm(x);
}

Var Mae::predict(const Tensor& images, const Tensor& given) const {
  const Tensor order = to_device(given, config_.device);
  const int64_t patches = config_.vit.num_patches();
  Var x = linear(encode(images, order), named("decoder_embed.weight"), named("decoder_embed.bias"));
  x = restore_tokens(x, reshape(named("mask_token"), {config_.decoder_dim}), order, positions_);
  const float eps = config_.vit.norm_eps;
  for (const BlockWeights& weights : blocks_)
    x = transformer_block(weights, config_.decoder_heads, eps, x);
  // What is drawn of visible patches nobody reads: only masked rows go on.
  x = gather_tokens(x, 1, order, config_.visible(), patches);
  x = layer_norm(x, named("decoder_norm.weight"), named("decoder_norm.bias"), eps);
  return linear(x, named("decoder_pred.weight"), named("decoder_pred.bias"));
}

Var Mae::loss(const Tensor& images, const Tensor& order) const {
  const Tensor pixels = to_device(images, config_.device);
  const Tensor places = to_device(order, config_.device);
  return patch_loss(predict(pixels, places), pixels, places, config_.vit.patch_size,
                    config_.norm_pix);
}

}  // namespace lspt
