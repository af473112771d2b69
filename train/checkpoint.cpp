#include "train/checkpoint.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include "engine/digest.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/containers/weight_file.h"
#include "models/weights/sketch.h"
#include "train/output/json_text.h"
#include "train/settings/words.h"
#include "train/version.h"

namespace lspt {
namespace {

using Json = nlohmann::ordered_json;
using Metadata = std::map<std::string, std::string>;
using NamedList = std::vector<std::pair<std::string, Tensor>>;

constexpr const char* kPrefix = "optimizer.";
constexpr const char* kSketch = "backbone.sketch";

/// The numbers of Progress under their names in the file; one table for reading and writing.
template <typename P, typename Visit>
void each_number(P& progress, const Visit& visit) {
  visit("epoch", progress.epoch);
  visit("step", progress.step);
  visit("updates", progress.updates);
  visit("loss_sum", progress.loss_sum);
  visit("correct", progress.correct);
  visit("seen", progress.seen);
  visit("best_top1", progress.best_top1);
  visit("best_epoch", progress.best_epoch);
  visit("chosen_top1", progress.chosen_top1);
  visit("chosen_epoch", progress.chosen_epoch);
}

/// What the images went through, for readers other than this program.
std::string transform_of(const LoaderOptions& o) {
  const std::string size = std::to_string(o.img_size);
  const bool vtab = o.transform == Transform::vtab;
  return json_text({{"img_size", o.img_size},
                    {"resize", vtab ? size + " x " + size + ", whatever the shape"
                                    : "short side to " + std::to_string(resize_side(o.img_size))},
                    {"crop", vtab ? "none"
                                  : "random and mirrored in training, else the centre by " +
                                        word_of(o.crop_rule)},
                    {"interpolation", word_of(o.interpolation)},
                    {"normalization", word_of(o.normalization)}});
}

std::string text_at(const Metadata& metadata, const std::string& key, const std::string& path) {
  const auto it = metadata.find(key);
  require(it != metadata.end(), ErrorKind::kWeights, "checkpoint ", path, ": metadata has no \"",
          key, "\"");
  return it->second;
}

}  // namespace

std::string digest_of(const Metadata& metadata, const std::map<std::string, Tensor>& tensors) {
  Digest digest;
  for (const auto& [key, value] : metadata) {
    if (key == "sha256") continue;
    digest.add(key);
    digest.add(value);
  }
  for (const auto& [name, tensor] : tensors) {
    digest.add(name);
    digest.add(tensor.shape().to_string());
    digest.add({static_cast<const char*>(tensor.raw()), tensor.nbytes()});
  }
  return digest.hex();
}

void require_finite(const std::map<std::string, Tensor>& tensors, const std::string& path) {
  for (const auto& [name, tensor] : tensors) {
    const float* value = tensor.data<float>();
    float sum = 0;  // of zeros, unless a value is infinite or NaN
    for (int64_t i = 0; i < tensor.numel(); ++i) sum += value[i] * 0.0f;
    require(sum == 0.0f, ErrorKind::kDiverged, "save ", path, ": ", name,
            " is not finite any more; the file is as it was before. Try a smaller --lr");
  }
}

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  std::map<std::string, Tensor> tensors = checkpoint.trained;
  for (const auto& [name, tensor] : checkpoint.optimizer) tensors[kPrefix + name] = tensor;
  if (checkpoint.backbone.sketch) tensors[kSketch] = checkpoint.backbone.sketch;
  require_finite(tensors, path);
  Metadata metadata = {{"lspt", kVersion},
                       {"config", checkpoint.settings.result_config},
                       {"seed", std::to_string(checkpoint.settings.model.seed)},
                       {"classes", json_text(checkpoint.class_names)},
                       {"data", checkpoint.data.names},
                       {"warnings", json_text(checkpoint.warnings)},
                       {"backbone", json_text({{"path", checkpoint.backbone.path},
                                               {"bytes", checkpoint.backbone.bytes},
                                               {"sha256", checkpoint.backbone.sha256}})},
                       {"transform", transform_of(checkpoint.settings.data.loader)},
                       {"normalization", word_of(checkpoint.settings.data.loader.normalization)}};
  if (!checkpoint.data.images.empty()) {
    metadata["data_images"] = checkpoint.data.images;
    metadata["data_times"] = checkpoint.data.times;
    metadata["data_newest"] = std::to_string(checkpoint.data.newest);
  }
  each_number(checkpoint.progress,
              [&](const char* key, const auto& value) { metadata[key] = Json(value).dump(); });
  metadata["sha256"] = digest_of(metadata, tensors);
  write_safetensors(path, NamedList(tensors.begin(), tensors.end()), metadata);
}

Checkpoint load_checkpoint(const std::string& path) {
  const WeightFile file = WeightFile::open(path);
  const Metadata& metadata = file.metadata();
  require(metadata.contains("lspt"), ErrorKind::kWeights, "checkpoint ", path,
          ": these are weights, but no checkpoint that lspt train wrote");
  std::map<std::string, Tensor> tensors;
  for (const StoredTensor& stored : file.tensors()) {
    require(stored.element == Element::f32, ErrorKind::kWeights, "checkpoint ", path, ": ",
            stored.name, " is ", name_of(stored.element), ", f32 expected");
    tensors[stored.name] = file.load(stored);
  }
  require(text_at(metadata, "sha256", path) == digest_of(metadata, tensors), ErrorKind::kWeights,
          "checkpoint ", path,
          ": damaged (its content does not have the hash it was saved with). Take the other one of "
          "last.safetensors and best.safetensors");

  // The hash holds, so what follows is as save_checkpoint wrote it; a reader checks all the same.
  Checkpoint checkpoint;
  const auto json = [&](const char* key) {
    Json value = Json::parse(text_at(metadata, key, path), nullptr, false);
    require(!value.is_discarded(), ErrorKind::kWeights, "checkpoint ", path, ": metadata \"", key,
            "\" is not JSON");
    return value;
  };
  try {
    checkpoint.settings =
        train_settings_from(text_at(metadata, "config", path), "checkpoint " + path);
    each_number(checkpoint.progress, [&](const char* key, auto& value) {
      // Before --choose the best epoch was the one chosen.
      const std::string name = key;
      const bool old = name.starts_with("chosen_") && !metadata.contains(name);
      value = json(old ? ("best_" + name.substr(7)).c_str() : key)
                  .template get<std::remove_reference_t<decltype(value)>>();
    });
    if (metadata.contains("warnings"))
      checkpoint.warnings = json("warnings").get<std::vector<std::string>>();
    checkpoint.class_names = json("classes").get<std::vector<std::string>>();
    checkpoint.data.names = text_at(metadata, "data", path);
    if (metadata.contains("data_images"))
      checkpoint.data = {checkpoint.data.names, text_at(metadata, "data_images", path),
                         text_at(metadata, "data_times", path), json("data_newest")};
    const Json backbone = json("backbone");
    checkpoint.backbone = {backbone.at("path"), backbone.at("bytes"), backbone.at("sha256"), {}};
  } catch (const Json::exception& error) {
    fail(ErrorKind::kWeights, "checkpoint ", path, ": metadata: ", error.what());
  }
  for (auto& [name, tensor] : tensors) {
    if (name == kSketch)
      checkpoint.backbone.sketch = tensor;
    else if (name.starts_with(kPrefix))
      checkpoint.optimizer[name.substr(std::string(kPrefix).size())] = tensor;
    else
      checkpoint.trained[name] = tensor;
  }
  return checkpoint;
}

bool same_backbone(const BackboneFile& a, const BackboneFile& b) {
  return a.sha256 == b.sha256 || sketches_agree(a.sketch, b.sketch);
}

namespace {

std::string text_of(const BackboneFile& file) {
  return file.path.empty() ? "none: no --weights, random values by the seed"
                           : file.path + ", sha256 " + file.sha256;
}

}  // namespace

NamedTensors head_for(const Checkpoint& to, const std::string& from) {
  const std::string path = checkpoint_path(from, "best.safetensors");
  require(std::filesystem::exists(path), ErrorKind::kUsage, "--init-head ", from, ": ", path,
          " does not exist");
  const Checkpoint run = load_checkpoint(path);
  const std::string who = "--init-head " + from + ": its head ";
  require(run.settings.model.method.linear(), ErrorKind::kUsage, who, "reads what --method ",
          run.settings.model.method.name, " tuned; that of a linear probe expected");
  require(same_backbone(run.backbone, to.backbone), ErrorKind::kUsage, who,
          "reads another backbone\n  found    ", text_of(run.backbone), "\n  expected ",
          text_of(to.backbone));
  // What makes features, then what makes the split: images that the head has seen must not be among
  // those that this run is judged on.
  for (const auto& [flag, found, mine] :
       differences(run.settings, to.settings,
                   {"pool", "mae-norm", "fc-norm", "pos-interpolation", "img-size", "transform",
                    "interpolation", "normalization", "val-fraction", "split-seed", "train-list",
                    "val-list", "test-list", "label-column", "class-depth"}))
    fail(ErrorKind::kUsage, who, "was fitted with --", flag, " ",
         found.empty() ? "not given" : found, ", this run has ", mine.empty() ? "none" : mine);
  require(run.class_names == to.class_names, ErrorKind::kUsage, who, "is of ",
          run.class_names.size(), " other classes, or of these in another order; this run has ",
          to.class_names.size());
  require(same_images(run.data, to.data), ErrorKind::kUsage, who,
          "was fitted to other images, or another split of them, than this run has: some may be "
          "among those that this run is judged on");
  return {{"head.weight", run.trained.at("head.weight")},
          {"head.bias", run.trained.at("head.bias")}};
}

std::string checkpoint_path(const std::string& given, const std::string& name) {
  return std::filesystem::is_directory(given) ? (std::filesystem::path(given) / name).string()
                                              : given;
}

}  // namespace lspt
