#include "models/weights/names/family.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/file.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

struct FamilyRow {
  Family family;
  const char *key, *name, *normalization;
};
constexpr FamilyRow kFamilies[] = {{Family::timm, "timm", "timm", "half"},
                                   {Family::deit, "deit", "DeiT", "imagenet"},
                                   {Family::mae, "mae", "MAE", "imagenet"},
                                   {Family::moco_v3, "moco_v3", "MoCo v3", "imagenet"},
                                   {Family::dino, "dino", "DINO", "imagenet"},
                                   {Family::dinov2, "dinov2", "DINOv2", "imagenet"},
                                   {Family::hf_vit, "hf_vit", "HF ViT", "half"},
                                   {Family::hf_vit_mae, "hf_vit_mae", "HF ViT-MAE", "imagenet"},
                                   {Family::google, "google", "Google ViT", "half"},
                                   {Family::lspt, "lspt", "lspt", "imagenet"}};

const FamilyRow& row_of(Family family) { return kFamilies[static_cast<size_t>(family)]; }

using Json = nlohmann::json;

/// Discarded if it is not there, or no JSON object.
Json json_beside(const fs::path& weights, const char* name) {
  const std::string path = (weights.parent_path() / name).string();
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return Json(Json::value_t::discarded);
  try {
    const auto file = MappedFile::open(path, ErrorKind::kWeights);
    Json read = Json::parse(std::string(file->bytes()), nullptr, false);
    return read.is_object() ? read : Json(Json::value_t::discarded);
  } catch (const Error&) {
    return Json(Json::value_t::discarded);
  }
}

std::string normalization_in(const Json& config, const char* mean_key, const char* std_key) {
  std::array<double, 6> found{};
  for (size_t half = 0; half < 2; ++half) {
    const auto at = config.find(half == 0 ? mean_key : std_key);
    if (at == config.end() || !at->is_array() || at->size() != 3) return "";
    for (size_t i = 0; i < 3; ++i) {
      if (!(*at)[i].is_number()) return "";
      found[3 * half + i] = (*at)[i].get<double>();
    }
  }
  const auto is = [&](const std::array<double, 6>& known) {
    for (size_t i = 0; i < known.size(); ++i)
      if (std::fabs(known[i] - found[i]) > 2e-3) return false;
    return true;
  };
  if (is({0.485, 0.456, 0.406, 0.229, 0.224, 0.225})) return "imagenet";
  if (is({0.5, 0.5, 0.5, 0.5, 0.5, 0.5})) return "half";
  std::ostringstream text;
  text << "mean";
  for (size_t i = 0; i < 6; ++i) text << (i == 3 ? ", deviation " : " ") << found[i];
  return text.str();
}

}  // namespace

const char* name_of(Family family) { return row_of(family).name; }
const char* key_of(Family family) { return row_of(family).key; }
const char* normalization_of(Family family) { return row_of(family).normalization; }

Family family_of(const std::string& key) {
  std::string all;
  for (const FamilyRow& known : kFamilies) {
    if (key == known.key) return known.family;
    all += (all.empty() ? "" : ", ") + std::string(known.key);
  }
  fail(ErrorKind::kUsage, "weight family \"", key, "\": one of ", all, " expected");
}

std::optional<Family> family_of_model(const std::string& name) {
  const size_t dot = name.find('.');
  const std::string base = name.substr(0, dot), tag = dot == name.npos ? "" : name.substr(dot + 1);
  const auto tagged = [&](const std::string& word) {
    return tag.starts_with(word) || base.ends_with("_" + word);
  };
  if (base.starts_with("deit")) return Family::deit;
  if (base.find("dinov2") != base.npos) return Family::dinov2;
  if (tagged("dino")) return Family::dino;
  if (tagged("mae")) return Family::mae;
  if (tagged("augreg") || tagged("orig_in21k")) return Family::timm;
  return {};
}

HubConfig hub_config(const std::string& weights_path) {
  const fs::path path = weights_path;
  if (path.filename() != "model.safetensors" && path.filename() != "pytorch_model.bin") return {};
  HubConfig out;
  // Runs of ours have a config.json, too.
  if (const Json config = json_beside(path, "config.json"); config.contains("pretrained_cfg")) {
    const Json& pretrained = config["pretrained_cfg"];
    const auto text = [](const Json& from, const char* key) {
      const auto at = from.find(key);
      return at != from.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    out.model = text(config, "architecture");
    if (!pretrained.is_object()) return out;
    if (const std::string tag = text(pretrained, "tag"); !tag.empty()) out.model += "." + tag;
    out.normalization = normalization_in(pretrained, "mean", "std");
  } else if (const Json images = json_beside(path, "preprocessor_config.json");
             !images.is_discarded()) {
    out.normalization = normalization_in(images, "image_mean", "image_std");
  }
  return out;
}

FamilyGuess guess_family(const FamilyClues& c) {
  const auto given = c.metadata.find("family");
  if (given != c.metadata.end())
    for (const FamilyRow& known : kFamilies)
      if (given->second == known.key) return {known.family};
  if (c.metadata.contains("lspt")) return {Family::lspt};
  if (const auto told = family_of_model(c.hub_model)) return {*told};
  const bool head = c.classes > 0;
  // DeiT III has layer scale, too, and a head; its class token has no position.
  if (!c.class_position) return {Family::deit};
  if (c.layer_scale && !c.decoder) return {head ? Family::deit : Family::dinov2};
  if (c.hugging_face) {
    if (c.decoder || c.table == PosTable::column_first) return {Family::hf_vit_mae};
    if (c.pooler) return {Family::hf_vit};
    if (head) return {Family::hf_vit, "DeiT's have the same tensors (deit)"};
    return {Family::dino,
            "no classifier and no pooler; a ViT that lost them has the same (hf_vit)"};
  }
  if (c.prefix.find("base_encoder.") != std::string::npos || c.table == PosTable::row_first)
    return {Family::moco_v3};
  if (c.decoder || c.table == PosTable::column_first) return {Family::mae};
  if (c.wrapper == "teacher" || c.wrapper == "student") return {Family::dino};
  if (c.wrapper == "state_dict" && c.prefix.starts_with("module.")) return {Family::moco_v3};
  // Facebook's DeiT and what MAE's code fine-tuned: the latter pools patches.
  if (c.wrapper == "model" && head) return {c.fc_norm ? Family::mae : Family::deit};
  if (c.wrapper == "model")
    return {Family::mae, "learned position embeddings under 'model', no head; many have these"};
  // Nobody else has this many classes: ImageNet-21k's as Google counts them.
  if (c.classes == 21843) return {Family::timm};
  if (head) return {Family::timm, "a supervised head; DeiT's have the same tensors (deit)"};
  return {Family::dino,
          "no head, no decoder, learned position embeddings; a supervised ViT without its head has "
          "the same (timm)"};
}

}  // namespace lspt
