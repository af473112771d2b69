#include "models/weights/names/name_map.h"

#include <algorithm>
#include <map>
#include <set>

#include "models/weights/names/google_names.h"
#include "models/weights/names/timm_names.h"
#include "models/weights/pos_embed.h"

namespace lspt {
namespace {

constexpr std::string_view kTimmPatch = "patch_embed.proj.weight";
constexpr std::string_view kHfPatch = "embeddings.patch_embeddings.projection.weight";

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

/// What a ViT may lack and ours may not: said in its own words, not as a missing tensor.
void require_parts(const WeightFile& file, const std::set<std::string>& names) {
  require(names.contains("cls_token") || !names.contains("pos_embed"), ErrorKind::kWeights, "read ",
          file.path(), ": a ViT without class token, which is not supported");
  for (const std::string& name : names)
    if (name.ends_with("attn.qkv.weight"))
      require(names.contains(name.substr(0, name.size() - 6) + "bias"), ErrorKind::kWeights,
              "read ", file.path(), ": queries, keys and values without a bias (", name,
              " is alone), which is not supported");
}

/// The names that a family's files have: timm's, Hugging Face's or Google's own.
void check_told(Family told, const WeightFile& file, bool hugging_face) {
  const bool wrong =
      hugging_face ? told == Family::timm || told == Family::mae || told == Family::moco_v3 ||
                         told == Family::google
                   : told == Family::hf_vit || told == Family::hf_vit_mae || told == Family::google;
  require(!wrong, ErrorKind::kUsage, "--family ", key_of(told), ": ", file.path(), " has ",
          hugging_face ? "Hugging Face's" : "timm's", " names of tensors");
}

void find_family(const WeightFile& file, NameMap& map, const std::string& prefix,
                 std::optional<Family> told) {
  const HubConfig hub = hub_config(file.path());
  const auto leftover = [&](const std::string& name) -> const std::string* {
    for (const std::string& unused : map.unused)
      if (unused.starts_with(prefix + name) || unused.starts_with(name)) return &unused;
    return nullptr;
  };
  FamilyClues clues{.metadata = file.metadata(),
                    .wrapper = file.wrapper(),
                    .prefix = prefix,
                    .hub_model = hub.model,
                    .hugging_face = map.hugging_face,
                    .decoder = leftover("decoder") != nullptr,
                    .pooler = leftover("pooler.") != nullptr,
                    .fc_norm = map.fc_norm};
  for (const char* name : {"head.", "fc.", "classifier."})
    if (const std::string* head = leftover(name)) {
      const Shape shape = file.find(*head)->shape;
      clues.classes = std::max<int64_t>(clues.classes, shape.rank() > 0 ? shape[0] : 1);
    }
  for (const MappedTensor& tensor : map.tensors) {
    if (tensor.name == "pos_embed") {
      clues.table = pos_table_of(file.load(tensor.sources[0]));
      clues.class_position = !tensor.class_row;
    }
    clues.layer_scale |= tensor.row_scale.has_value();
  }
  if (told) check_told(*told, file, map.hugging_face);
  const FamilyGuess guess = told ? FamilyGuess{*told} : guess_family(clues);
  map.family = guess.family;
  // Constants that `convert` or the hub wrote are the file's, whatever it was taken for.
  const auto written = file.metadata().find("normalization");
  map.normalization = written != file.metadata().end() ? written->second : hub.normalization;
  if (map.normalization.empty()) {
    map.assumed = guess.assumed;
    map.normalization = normalization_of(map.family);
  }
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

Shape MappedTensor::shape() const {
  Shape shape = part;
  if (sources.size() > 1) shape.set(0, shape[0] * static_cast<int64_t>(sources.size()));
  if (class_row) shape.set(1, shape[1] + 1);
  return shape;
}

NameMap map_names(const WeightFile& file, std::optional<Family> told) {
  NameMap map;
  if (const auto google = google_prefix(file)) {
    require(!told || *told == Family::google, ErrorKind::kUsage, "--family ",
            told ? key_of(*told) : "", ": ", file.path(), " has Google's names of tensors");
    map = map_google_names(file, *google);
    map.normalization = normalization_of(map.family);
    return map;
  }
  bool hf = false, chunked = false;
  const std::string prefix = find_prefix(file, hf, map.notes);
  map.hugging_face = hf;
  map.fc_norm = file.metadata().contains("fc_norm");
  std::map<std::string, std::vector<const StoredTensor*>> parts;  // query, key, value
  std::map<std::string, const StoredTensor*> scales;
  for (const StoredTensor& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with(prefix);
    const std::string_view rest = inside ? std::string_view(tensor.name).substr(prefix.size()) : "";
    const TimmName timm = timm_name(rest, hf);
    chunked |= timm.chunked;
    map.fc_norm |= !hf && rest.starts_with("fc_norm.");
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
  std::set<std::string> names;
  for (MappedTensor& tensor : map.tensors) {
    require(names.insert(tensor.name).second, ErrorKind::kWeights, "read ", file.path(), ": ",
            tensor.name, " twice, once as ", tensor.sources[0].name);
    const int64_t rows = tensor.name == "pos_embed" && tensor.part.rank() == 3 ? tensor.part[1] : 0;
    tensor.class_row = tensor.part.rank() == 3 && tensor.part[0] == 1 && grid_side(rows) > 0 &&
                       grid_side(rows - 1) == 0;
  }
  require_parts(file, names);
  find_family(file, map, prefix, told);
  if (!map.assumed.empty())
    map.notes.push_back(std::string("assumed to be ") + name_of(map.family) +
                        ", with pixel constants '" + map.normalization + "': " + map.assumed +
                        ". train's --family, or --normalization, settles it");
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
