#include "models/weights/names/timm_names.h"

#include <utility>
#include <vector>

namespace lspt {
namespace {

/// What the file calls it, up to its last dot -> timm's name. "" is a name of timm's own.
using Table = std::vector<std::pair<std::string_view, std::string_view>>;
const Table kHfTop = {{"embeddings.cls_token", "cls_token"},
                      {"embeddings.position_embeddings", "pos_embed"},
                      {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
                      {"layernorm", "norm"}};
/// Also Dinov2's, which has norm1, norm2 and mlp.
const Table kHfBlock = {{"layernorm_before", "norm1"},
                        {"layernorm_after", "norm2"},
                        {"norm1", "norm1"},
                        {"norm2", "norm2"},
                        {"mlp.fc1", "mlp.fc1"},
                        {"mlp.fc2", "mlp.fc2"},
                        {"attention.attention.query", "attn.qkv"},
                        {"attention.attention.key", "attn.qkv"},
                        {"attention.attention.value", "attn.qkv"},
                        {"attention.output.dense", "attn.proj"},
                        {"intermediate.dense", "mlp.fc1"},
                        {"output.dense", "mlp.fc2"}};
const Table kTimmTop = {{"cls_token", "cls_token"},
                        {"pos_embed", "pos_embed"},
                        {"patch_embed.proj", "patch_embed.proj"},
                        {"norm", "norm"},
                        {"fc_norm", "norm"}};
const Table kTimmBlock = {{"norm1", "norm1"},       {"norm2", "norm2"},
                          {"attn.qkv", "attn.qkv"}, {"attn.proj", "attn.proj"},
                          {"mlp.fc1", "mlp.fc1"},   {"mlp.fc2", "mlp.fc2"}};

/// Layer scale multiplies what attention's projection and the MLP's second matrix give.
const Table kScale = {{"ls1.gamma", "attn.proj"},
                      {"ls2.gamma", "mlp.fc2"},
                      {"gamma_1", "attn.proj"},
                      {"gamma_2", "mlp.fc2"},
                      {"layer_scale1.lambda1", "attn.proj"},
                      {"layer_scale2.lambda1", "mlp.fc2"}};

/// Looks up `name` with and without a last part ".weight" or ".bias"; "" if it is not there.
std::string look_up(const Table& table, std::string_view name) {
  const size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? "" : name.substr(dot);
  const bool parameter = last == ".weight" || last == ".bias";
  if (parameter) name.remove_suffix(last.size());
  for (const auto& [from, to] : table)
    if (from == name && parameter == (to != "cls_token" && to != "pos_embed"))
      return std::string(to) + std::string(parameter ? last : "");
  return "";
}

/// "12.rest" -> "12", and the name goes on with rest; "" if there is no number.
std::string take_number(std::string_view& name) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == name.npos || dot > 4 || name.find_first_not_of("0123456789") != dot)
    return "";
  const std::string number(name.substr(0, dot));
  name.remove_prefix(dot + 1);
  return number;
}

}  // namespace

TimmName timm_name(std::string_view name, bool hf) {
  const std::string_view blocks = hf ? "encoder.layer." : "blocks.";
  if (!name.starts_with(blocks)) return {look_up(hf ? kHfTop : kTimmTop, name)};
  name.remove_prefix(blocks.size());
  std::string number = take_number(name);
  // A block keeps its number in a chunk: in front of it the chunk is filled up with nothing.
  const std::string second = number.empty() || hf ? "" : take_number(name);
  if (!second.empty()) number = second;
  if (number.empty()) return {};
  TimmName out{look_up(hf ? kHfBlock : kTimmBlock, name), false, !second.empty()};
  for (const auto& [from, to] : kScale)
    if (from == name) out = {std::string(to), true, !second.empty()};
  if (!out.name.empty()) out.name = "blocks." + number + "." + out.name;
  return out;
}

std::string refusal(std::string_view name, bool hf) {
  if (name.starts_with("decoder") || name.starts_with("head")) return "";
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("register_token") || has("reg_token") || has("storage_tokens")) return "register tokens";
  if (name.starts_with("attn_pool.")) return "attention in place of a class token (SigLIP)";
  if (name.starts_with("rope")) return "rotary position embeddings";
  if (has("dist_token") || has("distillation_token")) return "a distillation token";
  if (name.starts_with("norm_pre")) return "a norm before the blocks";
  const bool inside = name.starts_with(hf ? "encoder.layer." : "blocks.") ||
                      name.starts_with("patch_embed.") || has("relative_position_bias");
  if (!inside) return "";
  if (has("attn.q_norm") || has("attn.k_norm")) return "a norm of queries and keys";
  if (has("attn.q_bias") || has("attn.v_bias")) return "biases of queries and values alone (BEiT)";
  if (has("relative_position_bias")) return "relative positions (BEiT)";
  if (has("mlp.w12") || has("mlp.w3") || has("mlp.weights_") || has("fc1_g")) return "SwiGLU";
  return "a part that this ViT does not have";
}

}  // namespace lspt
