#include "train/inputs/backbone.h"

#include <filesystem>
#include <future>

#include "engine/digest.h"
#include "models/weights/names/known_files.h"
#include "models/weights/sketch.h"
#include "train/settings/words.h"

namespace lspt {

// VPT's MAE pools the patches first and normalizes with a layer `fc_norm`, which is not in the
// file; its loader drops the file's `norm` in silence. It then is at its initial values, and frozen
// unless everything is trained.
LoadedBackbone load_for(const WeightsSettings& weights, const ViTConfig& vit) {
  LoadedBackbone loaded =
      load_backbone(weights.path, backbone_shapes(vit), weights.resample, weights.family);
  const bool mae = loaded.family == Family::mae || loaded.family == Family::hf_vit_mae;
  if (weights.vpt_norm && mae) {
    for (const char* name : {"norm.weight", "norm.bias"}) {
      loaded.values.erase(name);
      std::erase(loaded.used, name);
      loaded.unused.push_back(name);
    }
    loaded.notes.push_back("final norm left at weight 1 and bias 0, as VPT leaves its fc_norm");
  }
  return loaded;
}

Backbone load_weights(const WeightsSettings& weights, const ViTConfig& vit) {
  Backbone out;
  const WeightFile file = WeightFile::open(weights.path);
  // Hashed beside the loading, which reads the same bytes.
  auto published =
      std::async(std::launch::async, known_file, std::cref(file), map_names(file).family, vit.name);
  out.loaded = load_for(weights, vit);
  out.file.path = std::filesystem::absolute(weights.path).lexically_normal().string();
  out.file.bytes = file.bytes();
  out.file.sha256 = sha256_of(weights.path);
  out.file.sketch = sketch_of(out.loaded.values);
  out.published = published.get();
  out.hint.family = out.loaded.family;
  out.hint.resample = out.loaded.resample;
  out.hint.normalization = out.loaded.normalization;
  if (out.loaded.fc_norm && out.loaded.family != Family::mae) {
    out.hint.pool = "patches";
    out.hint.fc_norm = "1";
  }
  // A run of ours trained it: its inputs and its pooling.
  if (file.metadata().contains("lspt")) {
    const Checkpoint run = load_checkpoint(weights.path);
    out.seen_classes = run.class_names;
    out.seen_data = run.data;
    out.hint.pool = word_of(run.settings.model.pool);
    out.hint.fc_norm = run.settings.model.fc_norm ? "1" : "0";
    out.hint.normalization = out.loaded.normalization =
        word_of(run.settings.data.loader.normalization);
  }
  return out;
}

}  // namespace lspt
