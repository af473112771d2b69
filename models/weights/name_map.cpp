#include "models/weights/name_map.h"

#include <algorithm>
#include <map>

#include "models/weights/pos_embed.h"

namespace lspt {
namespace {

constexpr ErrorKind kKind = ErrorKind::kWeights;
constexpr std::string_view kTimmPatch = "patch_embed.proj.weight";
constexpr std::string_view kHfPatch = "embeddings.patch_embeddings.projection.weight";

struct FamilyName {
  Family family;
  const char *key, *name;
};
constexpr FamilyName kFamilies[] = {
    {Family::timm, "timm", "timm"},          {Family::mae, "mae", "MAE"},
    {Family::moco_v3, "moco_v3", "MoCo v3"}, {Family::dino, "dino", "DINO"},
    {Family::hf_vit, "hf_vit", "HF ViT"},    {Family::hf_vit_mae, "hf_vit_mae", "HF ViT-MAE"},
    {Family::lspt, "lspt", "lspt"}};

/// What the file calls it, up to its last dot -> timm's name. "" is a name of timm's own.
using Table = std::vector<std::pair<std::string_view, std::string_view>>;
const Table kHfTop = {{"embeddings.cls_token", "cls_token"},
                      {"embeddings.position_embeddings", "pos_embed"},
                      {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
                      {"layernorm", "norm"}};
const Table kHfBlock = {{"layernorm_before", "norm1"},
                        {"layernorm_after", "norm2"},
                        {"attention.attention.query", "attn.qkv"},
                        {"attention.attention.key", "attn.qkv"},
                        {"attention.attention.value", "attn.qkv"},
                        {"attention.output.dense", "attn.proj"},
                        {"intermediate.dense", "mlp.fc1"},
                        {"output.dense", "mlp.fc2"}};
const Table kTimmTop = {{"cls_token", "cls_token"},
                        {"pos_embed", "pos_embed"},
                        {"patch_embed.proj", "patch_embed.proj"},
                        {"norm", "norm"}};
const Table kTimmBlock = {{"norm1", "norm1"},       {"norm2", "norm2"},
                          {"attn.qkv", "attn.qkv"}, {"attn.proj", "attn.proj"},
                          {"mlp.fc1", "mlp.fc1"},   {"mlp.fc2", "mlp.fc2"}};

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

/// timm's name for a name without prefix, "" if it is not the backbone's.
std::string timm_name(std::string_view name, bool hf) {
  const std::string_view blocks = hf ? "encoder.layer." : "blocks.";
  if (!name.starts_with(blocks)) return look_up(hf ? kHfTop : kTimmTop, name);
  name.remove_prefix(blocks.size());
  const size_t dot = name.find('.');
  if (dot == 0 || dot > 4 || name.find_first_not_of("0123456789") != dot) return "";
  const std::string inner = look_up(hf ? kHfBlock : kTimmBlock, name.substr(dot + 1));
  return inner.empty() ? "" : "blocks." + std::string(name.substr(0, dot)) + "." + inner;
}

/// Why a name that is not the backbone's may not be left out, "" if it may.
std::string refusal(std::string_view name, bool hf) {
  if (name.starts_with("decoder") || name.starts_with("head")) return "";
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("register_token") || has("reg_token")) return "register tokens";
  if (has("dist_token") || has("distillation_token")) return "a distillation token";
  if (name.starts_with("norm_pre")) return "a norm before the blocks";
  const bool inside = name.starts_with(hf ? "encoder.layer." : "blocks.") ||
                      name.starts_with("patch_embed.") || has("relative_position_bias");
  if (!inside) return "";
  if (has(".ls1.") || has(".ls2.") || has("gamma") || has("lambda")) return "layer scale";
  if (has("mlp.w12") || has("mlp.w3") || has("mlp.weights_") || has("fc1_g")) return "SwiGLU";
  return "a part that this ViT does not have";
}

/// What stands before timm's or Hugging Face's name of the patch embedding.
std::string find_prefix(const WeightFile& file, bool& hf, std::vector<std::string>& notes) {
  std::vector<std::pair<std::string, bool>> found;
  for (const StoredTensor& tensor : file.tensors())
    for (const bool is_hf : {false, true}) {
      const std::string_view patch = is_hf ? kHfPatch : kTimmPatch;
      const std::string_view before =
          std::string_view(tensor.name)
              .substr(0, tensor.name.size() - std::min(tensor.name.size(), patch.size()));
      if (tensor.name.ends_with(patch) && (before.empty() || before.back() == '.') &&
          before.find("momentum_encoder.") == std::string_view::npos)
        found.emplace_back(before, is_hf);
    }
  require(!found.empty(), kKind, "read ", file.path(), ": no ViT backbone among its ",
          file.tensors().size(), " tensors (", kTimmPatch, " is missing)",
          file.metadata().contains("lspt")
              ? "; this lspt checkpoint holds only what was trained, give its backbone's file"
              : "");
  const auto shortest = std::min_element(
      found.begin(), found.end(),
      [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  for (const auto& [prefix, is_hf] : found)
    if (prefix != shortest->first && !prefix.starts_with("optimizer."))
      notes.push_back("a second backbone under '" + prefix + "' is ignored");
  hf = shortest->second;
  return shortest->first;
}

Family find_family(const WeightFile& file, const NameMap& map, const std::string& prefix, bool hf) {
  const auto given = file.metadata().find("family");
  if (given != file.metadata().end()) {
    for (const FamilyName& known : kFamilies)
      if (given->second == known.key) return known.family;
  }
  if (file.metadata().contains("lspt")) return Family::lspt;
  const auto leftover = [&](const std::string& name) {
    return std::any_of(map.unused.begin(), map.unused.end(), [&](const std::string& unused) {
      return unused.starts_with(prefix + name) || unused.starts_with(name);
    });
  };
  PosTable table = PosTable::learned;
  for (const MappedTensor& tensor : map.tensors)
    if (tensor.name == "pos_embed") table = pos_table_of(file.load(*tensor.sources[0]));
  const bool decoder = leftover("decoder");
  if (hf) return decoder || table == PosTable::column_first ? Family::hf_vit_mae : Family::hf_vit;
  const bool module = prefix.starts_with("module.");
  if (prefix.find("base_encoder.") != std::string::npos || table == PosTable::row_first)
    return Family::moco_v3;
  if (decoder || table == PosTable::column_first) return Family::mae;
  if (file.wrapper() == "teacher" || file.wrapper() == "student") return Family::dino;
  if (file.wrapper() == "state_dict" && module) return Family::moco_v3;
  if (leftover("head.") || leftover("fc.")) return Family::timm;
  return file.wrapper() == "model" ? Family::mae : Family::dino;
}

}  // namespace

const char* name_of(Family family) { return kFamilies[static_cast<size_t>(family)].name; }
const char* key_of(Family family) { return kFamilies[static_cast<size_t>(family)].key; }

Family family_of(const std::string& key) {
  for (const FamilyName& known : kFamilies)
    if (key == known.key) return known.family;
  fail(ErrorKind::kUsage, "weight family \"", key,
       "\": timm, mae, moco_v3, dino, hf_vit, hf_vit_mae or lspt expected");
}

Shape MappedTensor::shape() const {
  Shape shape = sources[0]->shape;
  if (sources.size() > 1) shape.set(0, shape[0] * static_cast<int64_t>(sources.size()));
  return shape;
}

NameMap map_names(const WeightFile& file) {
  NameMap map;
  bool hf = false;
  const std::string prefix = find_prefix(file, hf, map.notes);
  std::map<std::string, std::vector<const StoredTensor*>> parts;  // query, key, value
  for (const StoredTensor& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with(prefix);
    const std::string_view rest = inside ? std::string_view(tensor.name).substr(prefix.size()) : "";
    const std::string name = timm_name(rest, hf);
    if (name.empty()) {
      const std::string why = inside ? refusal(rest, hf) : "";
      require(why.empty(), kKind, "read ", file.path(), ": ", tensor.name, " is ", why,
              ", which is not supported; leaving it out would change what the model computes");
      map.unused.push_back(tensor.name);
    } else if (hf && name.find(".attn.qkv.") != std::string::npos) {
      auto& three = parts[name];
      three.resize(3);
      three[rest.find(".query.") != rest.npos ? 0
            : rest.find(".key.") != rest.npos ? 1
                                              : 2] = &tensor;
    } else {
      map.tensors.push_back({name, {&tensor}});
    }
  }
  for (auto& [name, three] : parts) {
    const bool whole = std::all_of(three.begin(), three.end(), [&](const StoredTensor* part) {
      return part && three[0] && part->shape.rank() >= 1 && part->shape == three[0]->shape;
    });
    if (whole) map.tensors.push_back({name, three});
    for (const StoredTensor* part : three)
      if (part && !whole) map.unused.push_back(part->name);
  }
  map.family = find_family(file, map, prefix, hf);
  if (map.family == Family::dino && file.wrapper().empty() && file.metadata().empty())
    map.notes.push_back("taken for DINO: no head, no decoder, learned position embeddings");
  if (!prefix.empty()) map.notes.push_back("names without their prefix '" + prefix + "'");
  return map;
}

}  // namespace lspt
