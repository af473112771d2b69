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
  Options options = checkpoint.options;
  BackboneFile& saved = checkpoint.backbone;
  const ModelConfig config = model_config(options, static_cast<int>(checkpoint.class_names.size()));
  NamedTensors values = checkpoint.trained;
  // With method full the checkpoint holds every value itself.
  const bool needs_file = !saved.path.empty() && !config.prompt.full;
  require(weights.empty() || needs_file, ErrorKind::kUsage, "--weights ", weights,
          ": this checkpoint needs no backbone file");
  if (needs_file && loaded && same_backbone(saved, loaded->file)) {
    values.insert(loaded->loaded.values.begin(), loaded->loaded.values.end());
  } else if (needs_file) {
    options.weights = weights.empty() ? saved.path : weights;
    require(fs::is_regular_file(options.weights), ErrorKind::kWeights, "backbone ", options.weights,
            ": not found; the checkpoint was trained on it. Give its file with --weights (sha256 ",
            saved.sha256, ")");
    // A checkpoint from before the flag: it was as timm does it.
    if (options.pos_interpolation == "auto" &&
        map_names(WeightFile::open(options.weights)).family != Family::google)
      options.pos_interpolation = name_of(Resample::antialiased);
    Backbone backbone;
    backbone.file = {fs::absolute(options.weights).lexically_normal().string(),
                     fs::file_size(options.weights),
                     sha256_of(options.weights),
                     {}};
    const bool same_file = backbone.file.sha256 == saved.sha256;
    if (same_file || saved.sketch) {
      backbone.loaded = load_for(options, config.vit);
      backbone.file.sketch = sketch_of(backbone.loaded.values);
    }
    require(same_backbone(saved, backbone.file), mismatch, "backbone ", options.weights,
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

Restored restore_for(const Options& given, Console& console) {
  set_up_machine(given);
  require(!given.checkpoint.empty(), ErrorKind::kUsage, "--checkpoint: none given");
  Restored out;
  out.checkpoint = load_checkpoint(checkpoint_path(given.checkpoint, "best.safetensors"));
  out.checkpoint.options.workers = given.workers;
  out.checkpoint.options.cache = given.cache;
  out.checkpoint.options.device = given.device;
  out.model = restore(out.checkpoint, given.weights, ErrorKind::kWeights, console);
  say_images(console, out.checkpoint.options);
  return out;
}

Options with_data(const Options& saved, const Options& given) {
  Options out = saved;
  const auto take = [&](const char* flag, auto member) {
    if (given.has(flag)) out.*member = given.*member;
  };
  take("data", &Options::data);
  take("val-fraction", &Options::val_fraction);
  take("split-seed", &Options::split_seed);
  take("bad-images", &Options::bad_images);
  // Another data set is laid out in its own way.
  for (const auto& [flag, member] : {std::pair{"dataset", &Options::dataset},
                                     {"train-list", &Options::train_list},
                                     {"val-list", &Options::val_list},
                                     {"test-list", &Options::test_list},
                                     {"label-column", &Options::label_column}})
    if (given.has(flag) || given.has("data")) out.*member = given.*member;
  if (given.has("class-depth") || given.has("data")) out.class_depth = given.class_depth;
  return out;
}

}  // namespace lspt
