#include "train/output/opening.h"

#include <algorithm>
#include <filesystem>

#include "train/machine.h"
#include "train/settings/words.h"

namespace lspt {
namespace {

std::string pool_text(const ModelConfig& model) {
  const std::string pool = word_of(model.pool);
  if (model.pool == Pool::token) return pool;
  return pool + (model.fc_norm ? ", then normalized" : " of normalized rows");
}

std::string recipe_text_of(const TrainSettings& s) {
  const bool lbfgs = s.optimizer.kind == OptimizerKind::lbfgs;
  const double weight_decay = s.optimizer.weight_decay;
  const auto number = [](int64_t n) { return std::to_string(n); };
  return word_of(s.optimizer.kind) + (lbfgs ? "" : format(", lr %g", s.schedule.lr)) +
         ", weight decay " + (lbfgs && weight_decay == 0 ? "chosen" : format("%g", weight_decay)) +
         ", " + number(s.schedule.epochs) + " epochs" +
         (lbfgs ? "" : " (" + number(s.schedule.warmup_epochs) + " warm-up)") + ", batch " +
         number(s.data.loader.batch_size) + ", head from " +
         (s.fits_head           ? "a fit"
          : s.head_from.empty() ? word_of(s.model.head_init)
                                : s.head_from);
}

}  // namespace

void say_weights(Console& console, const Backbone& backbone) {
  const LoadedBackbone& loaded = backbone.loaded;
  console.line(format(
      "weights: %s, %s, trained on pixels normalized as '%s'; used %zu, unused %zu, missing 0",
      std::filesystem::path(backbone.file.path).filename().c_str(), name_of(loaded.family),
      loaded.normalization.c_str(), loaded.used.size(), loaded.unused.size()));
  if (!loaded.unused.empty()) {
    std::string names;
    for (size_t i = 0; i < std::min<size_t>(loaded.unused.size(), 4); ++i)
      names += (i ? ", " : "") + loaded.unused[i];
    console.line("  unused: " + names + (loaded.unused.size() > 4 ? ", ..." : ""));
  }
  if (!backbone.published.empty()) console.line("  published as " + backbone.published);
  for (const std::string& note : loaded.notes) console.line("  note: " + note);
}

void say_images(Console& console, const LoaderOptions& o) {
  console.line("images: " + word_of(o.transform) + ", " + word_of(o.interpolation) + ", " +
               std::to_string(o.img_size) + " px, normalization " + word_of(o.normalization));
}

int64_t elements(const Parameters& parameters) {
  int64_t count = 0;
  for (const Parameter* parameter : parameters) count += parameter->var.value.numel();
  return count;
}

void say_start(Console& console, const TrainSettings& s, Model& model, const Dataset& dataset) {
  const LoaderOptions& loader = s.data.loader;
  console.line("model: " + s.model_name + " at " + std::to_string(loader.img_size) + " px, pool " +
               pool_text(s.model) + ", " + name_of(s.model.dtype) + " on " +
               device_text(s.machine.device) + " + loader " + std::to_string(loader.workers));
  const int64_t trainable = elements(model.trainable()), total = elements(model.parameters());
  const MethodConfig& method = s.model.method;
  console.line("method: " + method.text() + "; trainable " + grouped(trainable) + " of " +
               grouped(total) +
               format(" parameters (%.2f%%)",
                      100.0 * static_cast<double>(trainable) / static_cast<double>(total)));
  const auto count = [](const auto& part) { return grouped(static_cast<int64_t>(part.size())); };
  console.line(format("data: %s (%s), %zu classes; images: %s train, %s val, %s test",
                      s.data.set.path.c_str(), dataset.layout.c_str(), dataset.class_names.size(),
                      count(dataset.train).c_str(), count(dataset.val).c_str(),
                      count(dataset.test).c_str()));
  if (!dataset.note.empty()) console.line("  note: " + dataset.note);
  if (dataset.val.empty())
    console.line("  note: no validation images: the best epoch is chosen on the test images");
  say_images(console, loader);
  console.line("recipe: " + (s.recipe.empty() ? "" : s.recipe + ": ") + recipe_text_of(s));
  if (s.one_look())
    console.line("  note: nothing is random, a second look at an image shows nothing new: 1 epoch");
  const int64_t epochs = s.schedule.epochs, warmup = s.schedule.warmup_epochs;
  if (epochs <= warmup && s.optimizer.kind != OptimizerKind::lbfgs)
    console.warn(
        format("all %lld epochs lie in the warm-up of %lld: the learning rate reaches %.2g "
               "of --lr. Give --warmup-epochs for a short run",
               static_cast<long long>(epochs), static_cast<long long>(warmup),
               static_cast<double>(epochs) / static_cast<double>(warmup)));
}

void say_features(Console& console, Model& model, const FeatureSource* train,
                  const FeatureSource* choice) {
  if (!train && !choice) return;
  const double bytes =
      static_cast<double>((train ? train->bytes() : 0) + (choice ? choice->bytes() : 0));
  console.line(format("features: of each %s image once%s, kept in %.1f MB",
                      !choice  ? "training"
                      : !train ? "evaluation"
                               : "training and evaluation",
                      model.features_stay()
                          ? ""
                          : format(", behind the first %d blocks", model.frozen_blocks()).c_str(),
                      bytes / 1e6));
}

void say_seen(Console& console, const Backbone& backbone, const Inputs& inputs) {
  const auto &seen = backbone.seen_classes, &mine = inputs.data().class_names;
  const auto shared = std::count_if(mine.begin(), mine.end(), [&](const std::string& name) {
    return std::find(seen.begin(), seen.end(), name) != seen.end();
  });
  if (shared == 0) return;
  console.warn(
      format("these weights were trained with labels on %lld of this run's %zu classes%s",
             static_cast<long long>(shared), mine.size(),
             same_images(backbone.seen_data, inputs.digest())
                 ? ", on the same training images"
                 : ", on other images or another split: validation and test images of this "
                   "run may have been among them"));
}

}  // namespace lspt
