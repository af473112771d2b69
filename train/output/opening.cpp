#include "train/output/opening.h"

#include <algorithm>
#include <filesystem>

namespace lspt {
namespace {

std::string pool_text(const Options& o) {
  if (o.pool == "token") return o.pool;
  return o.pool + (o.fc_norm == "0" ? " of normalized rows" : ", then normalized");
}

std::string recipe_text_of(const Options& o) {
  const std::string decay =
      o.opt == "lbfgs" && o.weight_decay == 0 ? "chosen" : format("%g", o.weight_decay);
  const std::string rate = o.opt == "lbfgs" ? "" : format(", lr %g", o.lr);
  const std::string warm_up =
      o.opt == "lbfgs" ? "" : format(" (%lld warm-up)", static_cast<long long>(o.warmup_epochs));
  return o.opt + rate + ", weight decay " + decay +
         format(", %lld epochs", static_cast<long long>(o.epochs)) + warm_up +
         format(", batch %lld, head from ", static_cast<long long>(o.batch_size)) + o.init_head;
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

void say_images(Console& console, const Options& o) {
  console.line("images: " + o.transform + ", " + o.interpolation + ", " +
               std::to_string(o.img_size) + " px, normalization " + o.normalization);
}

int64_t elements(const Parameters& parameters) {
  int64_t count = 0;
  for (const Parameter* parameter : parameters) count += parameter->var.value.numel();
  return count;
}

void say_start(Console& console, const Options& o, Model& model, const Dataset& dataset) {
  console.line("model: " + o.model + " at " + std::to_string(o.img_size) + " px, pool " +
               pool_text(o) + ", " + o.dtype + " on " + device_text(o) + " + loader " +
               std::to_string(o.workers));
  const int64_t trainable = elements(model.trainable()), total = elements(model.parameters());
  console.line("method: " + o.method +
               (o.prompts > 0 ? " with " + std::to_string(o.prompts) + " prompts" : "") +
               "; trainable " + grouped(trainable) + " of " + grouped(total) +
               format(" parameters (%.2f%%)",
                      100.0 * static_cast<double>(trainable) / static_cast<double>(total)));
  const auto count = [](const auto& part) { return grouped(static_cast<int64_t>(part.size())); };
  console.line(format("data: %s (%s), %zu classes; images: %s train, %s val, %s test",
                      o.data.c_str(), dataset.layout.c_str(), dataset.class_names.size(),
                      count(dataset.train).c_str(), count(dataset.val).c_str(),
                      count(dataset.test).c_str()));
  if (!dataset.note.empty()) console.line("  note: " + dataset.note);
  if (dataset.val.empty())
    console.line("  note: no validation images: the best epoch is chosen on the test images");
  say_images(console, o);
  console.line("recipe: " + (o.recipe.empty() ? "" : o.recipe + ": ") + recipe_text_of(o));
  if (one_look(o))
    console.line("  note: nothing is random, a second look at an image shows nothing new: 1 epoch");
  if (o.epochs <= o.warmup_epochs && o.opt != "lbfgs")
    console.warn(
        format("all %lld epochs lie in the warm-up of %lld: the learning rate reaches %.2g "
               "of --lr. Give --warmup-epochs for a short run",
               static_cast<long long>(o.epochs), static_cast<long long>(o.warmup_epochs),
               static_cast<double>(o.epochs) / static_cast<double>(o.warmup_epochs)));
}

void say_features(Console& console, const FeatureSource* train, const FeatureSource* choice) {
  if (!train && !choice) return;
  const double bytes =
      static_cast<double>((train ? train->bytes() : 0) + (choice ? choice->bytes() : 0));
  console.line(format("features: of each %s image once, kept in %.1f MB",
                      !choice  ? "training"
                      : !train ? "evaluation"
                               : "training and evaluation",
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
