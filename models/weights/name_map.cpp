#include "models/weights/name_map.h"

#include <algorithm>
#include <map>
#include <set>

#include "models/weights/google_names.h"
#include "models/weights/pos_embed.h"
#include "models/weights/timm_names.h"

namespace lspt {
namespace {

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
  require(!found.empty(), ErrorKind::kWeights, "read ", file.path(), ": no ViT backbone among its ",
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
      require(tensor.part.rank() > 0 && gamma->shape == Shape{tensor.part[0]}, ErrorKind::kWeights,
              "read ", file.path(), ": ", gamma->name, " is ", gamma->shape, ", but ", tensor.name,
              " ", tensor.part);
      tensor.row_scale = *gamma;
      ++found;
    }
    require(found == 2, ErrorKind::kWeights, "read ", file.path(), ": ", gamma->name, " scales ",
            matrix, ", which is not in the file with weight and bias");
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
  map.hugging_face = hf;
  std::map<std::string, std::vector<const StoredTensor*>> parts;  // query, key, value
  std::map<std::string, const StoredTensor*> scales;
  for (const StoredTensor& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with(prefix);
    const std::string_view rest = inside ? std::string_view(tensor.name).substr(prefix.size()) : "";
    const TimmName timm = timm_name(rest, hf);
    chunked |= timm.chunked;
    if (timm.name.empty()) {
      const std::string why = inside ? refusal(rest, hf) : "";
      require(why.empty(), ErrorKind::kWeights, "read ", file.path(), ": ", tensor.name, " is ",
              why, ", which is not supported; leaving it out would change what the model computes");
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
    require(names.insert(tensor.name).second, ErrorKind::kWeights, "read ", file.path(), ": ",
            tensor.name, " twice, once as ", tensor.sources[0].name);
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
