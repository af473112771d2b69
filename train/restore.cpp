#include "train/restore.h"

#include <filesystem>

#include "engine/digest.h"
#include "models/weights/sketch.h"
#include "train/output/opening.h"

namespace lspt {

namespace fs = std::filesystem;

NamedTensors trained_values(Model& model) {
  NamedTensors values;
  for (const Parameter* parameter : model.trainable())
    values[parameter->name] = parameter->var.value;
  return values;
}

std::unique_ptr<Model> restore(Checkpoint& checkpoint, const std::string& weights,
                               ErrorKind mismatch, Console& console, const Backbone* loaded) {
  BackboneFile& saved = checkpoint.backbone;
  ModelConfig config = checkpoint.settings.model;
  config.num_classes = static_cast<int>(checkpoint.class_names.size());
  NamedTensors values = checkpoint.trained;
  // With method full the checkpoint holds every value itself.
  const bool needs_file = !saved.path.empty() && !config.method.full();
  require(weights.empty() || needs_file, ErrorKind::kUsage, "--weights ", weights,
          ": this checkpoint needs no backbone file");
  if (needs_file && loaded && same_backbone(saved, loaded->file)) {
    values.insert(loaded->loaded.values.begin(), loaded->loaded.values.end());
  } else if (needs_file) {
    WeightsSettings from = checkpoint.settings.weights;
    const std::string& path = from.path = weights.empty() ? saved.path : weights;
    require(fs::is_regular_file(path), ErrorKind::kWeights, "backbone ", path,
            ": not found; the checkpoint was trained on it. Give its file with --weights (sha256 ",
            saved.sha256, ")");
    // A checkpoint from before the flag: it was as timm does it.
    if (!from.resample && map_names(WeightFile::open(path)).family != Family::google)
      from.resample = Resample::antialiased;
    Backbone backbone;
    backbone.file = {
        fs::absolute(path).lexically_normal().string(), fs::file_size(path), sha256_of(path), {}};
    const bool same_file = backbone.file.sha256 == saved.sha256;
    if (same_file || saved.sketch) {
      backbone.loaded = load_for(from, config.vit);
      backbone.file.sketch = sketch_of(backbone.loaded.values);
    }
    require(same_backbone(saved, backbone.file), mismatch, "backbone ", path,
            ": not the file that the checkpoint was trained on, nor its values in another "
            "precision\n  found    ",
            backbone.file.bytes, " bytes, sha256 ", backbone.file.sha256, "\n  expected ",
            saved.bytes, " bytes, sha256 ", saved.sha256, " (", saved.path, ")");
    say_weights(console, backbone);
    if (!same_file)
      console.line(
          "  note: another file than the checkpoint was trained on, with the same values up "
          "to the rounding of half precision");
    saved = backbone.file;
    values.merge(backbone.loaded.values);
  }
  auto model = std::make_unique<Model>(config, values);
  const Parameters trainable = model->trainable();
  for (const Parameter* parameter : trainable)
    require(checkpoint.trained.contains(parameter->name), ErrorKind::kWeights,
            "checkpoint: trained values of ", parameter->name, " are missing");
  return model;
}

}  // namespace lspt
