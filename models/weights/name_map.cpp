#include "models/weights/name_map.h"

#include <algorithm>
#include <map>
#include <set>

#include "models/weights/google_names.h"
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
constexpr FamilyName kFamilies[] = {{Family::timm, "timm", "timm"},
                                    {Family::mae, "mae", "MAE"},
                                    {Family::moco_v3, "moco_v3", "MoCo v3"},
                                    {Family::dino, "dino", "DINO"},
                                    {Family::dinov2, "dinov2", "DINOv2"},
                                    {Family::hf_vit, "hf_vit", "HF ViT"},
                                    {Family::hf_vit_mae, "hf_vit_mae", "HF ViT-MAE"},
                                    {Family::google, "google", "Google ViT"},
                                    {Family::lspt, "lspt", "lspt"}};

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
                        {"norm", "norm"}};
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

/// A name without prefix in timm's terms.
struct TimmName {
  std::string name;      ///< "" if it is not the backbone's
  bool scale = false;    ///< layer scale of the matrix `name`, without .weight
  bool chunked = false;  ///< DINOv2's training keeps blocks in chunks: blocks.CHUNK.BLOCK
};

/// "12.rest" -> "12", and the name goes on with rest; "" if there is no number.
std::string take_number(std::string_view& name) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == name.npos || dot > 4 || name.find_first_not_of("0123456789") != dot)
    return "";
  const std::string number(name.substr(0, dot));
  name.remove_prefix(dot + 1);
  return number;
}

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
  bool scaled = false;
  for (const MappedTensor& tensor : map.tensors) {
    if (tensor.name == "pos_embed") table = pos_table_of(file.load(tensor.sources[0]));
    scaled |= tensor.row_scale.has_value();
  }
  const bool decoder = leftover("decoder");
  // DeiT III has layer scale, too, and a head.
  if (scaled && !decoder) return leftover("head.") ? Family::timm : Family::dinov2;
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

/// Gives each matrix its layer scale.
void fold_scales(const WeightFile& file, NameMap& map,
                 const std::map<std::string, const StoredTensor*>& scales) {
  for (const auto& [matrix, gamma] : scales) {
    int found = 0;
    for (MappedTensor& tensor : map.tensors) {
      if (tensor.name != matrix + ".weight" && tensor.name != matrix + ".bias") continue;
      require(tensor.part.rank() > 0 && gamma->shape == Shape{tensor.part[0]}, kKind, "read ",
              file.path(), ": ", gamma->name, " is ", gamma->shape, ", but ", tensor.name, " ",
              tensor.part);
      tensor.row_scale = *gamma;
      ++found;
    }
    require(found == 2, kKind, "read ", file.path(), ": ", gamma->name, " scales ", matrix,
            ", which is not in the file with weight and bias");
  }
  if (!scales.empty())
    map.notes.push_back("layer scale is folded into attn.proj and mlp.fc2: exact up to rounding");
}

bool has_head(const NameMap& map, const std::string& prefix) {
  return std::find(map.unused.begin(), map.unused.end(), prefix + "head.weight") !=
         map.unused.end();
}

}  // namespace

const char* name_of(Family family) { return kFamilies[static_cast<size_t>(family)].name; }
const char* key_of(Family family) { return kFamilies[static_cast<size_t>(family)].key; }

Family family_of(const std::string& key) {
  for (const FamilyName& known : kFamilies)
    if (key == known.key) return known.family;
  fail(ErrorKind::kUsage, "weight family \"", key,
       "\": timm, mae, moco_v3, dino, dinov2, hf_vit, hf_vit_mae, google or lspt expected");
}

Shape MappedTensor::shape() const {
  Shape shape = part;
  if (sources.size() > 1) shape.set(0, shape[0] * static_cast<int64_t>(sources.size()));
  return shape;
}

NameMap map_names(const WeightFile& file) {
  if (const auto google = google_prefix(file)) return map_google_names(file, *google);
  NameMap map;
  bool hf = false, chunked = false;
  const std::string prefix = find_prefix(file, hf, map.notes);
  std::map<std::string, std::vector<const StoredTensor*>> parts;  // query, key, value
  std::map<std::string, const StoredTensor*> scales;
  for (const StoredTensor& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with(prefix);
    const std::string_view rest = inside ? std::string_view(tensor.name).substr(prefix.size()) : "";
    const TimmName timm = timm_name(rest, hf);
    chunked |= timm.chunked;
    if (timm.name.empty()) {
      const std::string why = inside ? refusal(rest, hf) : "";
      require(why.empty(), kKind, "read ", file.path(), ": ", tensor.name, " is ", why,
              ", which is not supported; leaving it out would change what the model computes");
      map.unused.push_back(tensor.name);
    } else if (timm.scale) {
      scales[timm.name] = &tensor;
    } else if (hf && timm.name.find(".attn.qkv.") != std::string::npos) {
      auto& three = parts[timm.name];
      three.resize(3);
      three[rest.find(".query.") != rest.npos ? 0
            : rest.find(".key.") != rest.npos ? 1
                                              : 2] = &tensor;
    } else {
      map.tensors.push_back({timm.name, {tensor}, tensor.shape});
    }
  }
  for (const auto& [name, three] : parts) {
    const StoredTensor* query = three[0];
    const bool whole = std::all_of(three.begin(), three.end(), [query](const StoredTensor* part) {
      return part && query && part->shape.rank() >= 1 && part->shape == query->shape;
    });
    if (whole) map.tensors.push_back({name, {*query, *three[1], *three[2]}, query->shape});
    for (const StoredTensor* part : three)
      if (part && !whole) map.unused.push_back(part->name);
  }
  fold_scales(file, map, scales);
  std::set<std::string_view> names;
  for (const MappedTensor& tensor : map.tensors)
    require(names.insert(tensor.name).second, kKind, "read ", file.path(), ": ", tensor.name,
            " twice, once as ", tensor.sources[0].name);
  map.family = find_family(file, map, prefix, hf);
  if (map.family == Family::dino && file.wrapper().empty() && file.metadata().empty())
    map.notes.push_back("taken for DINO: no head, no decoder, learned position embeddings");
  if (map.family == Family::moco_v3)
    map.notes.push_back(
        prefix.find("base_encoder.") != std::string::npos
            ? "MoCo v3's pre-training checkpoint: the query encoder is taken, without its projector"
        : has_head(map, prefix) ? "MoCo v3's linear-probe checkpoint, the one that VPT and GaPT "
                                  "load: a frozen encoder and a trained head, which is dropped"
                                : "MoCo v3 without a head");
  if (!prefix.empty()) map.notes.push_back("names without their prefix '" + prefix + "'");
  if (chunked) map.notes.push_back("blocks in chunks: blocks.CHUNK.BLOCK is block BLOCK");
  return map;
}

}  // namespace lspt
