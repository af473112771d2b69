/// What train, eval and predict build in the same way: data, loaders, backbone, model.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "data/loader.h"
#include "models/model.h"
#include "models/weights/load.h"
#include "train/checkpoint.h"
#include "train/output/console.h"
#include "train/settings/recipes.h"

namespace lspt {

/// Uses --threads and --tf32, and refuses a device that is not there.
void set_up_machine(const Options& options);
/// --threads, else OMP_NUM_THREADS, else what affinity and quota leave; says where that is too
/// many.
void use_threads(const Options& options);
/// "cpu, threads 2", or the GPU by name.
std::string device_text(const Options& options);

/// Throws Error(kUsage) if there is no --data.
DatasetOptions dataset_options(const Options& options);
/// Throws Error(kData), also where check_trainable does.
Dataset open_data(const Options& options);
/// `cached`: with the file of --cache; else nothing is kept, for images that are read once.
LoaderOptions loader_options(const Options& options, bool train, bool cached = true);

/// Warns, once each, of images that loaders left out (five by name, then how many) and of a cache
/// file that is given up.
class LoaderWatch {
 public:
  explicit LoaderWatch(const std::vector<const BatchSource*>& loaders) {
    for (const BatchSource* loader : loaders) loaders_.push_back({loader, {}});
  }
  void say(Console& console);

 private:
  struct Watched {
    const BatchSource* loader;
    std::set<int64_t> said;
  };
  std::vector<Watched> loaders_;
  int named_ = 0;
  bool trouble_said_ = false;
};

struct Backbone {
  BackboneFile file;
  LoadedBackbone loaded;
  WeightsHint hint;
  std::string published;  ///< known_files.h
  /// The run of ours that trained it, if one did: its classes and images.
  std::vector<std::string> seen_classes;
  DataDigest seen_data;
};
/// Loads and identifies --weights for the model that the options name.
Backbone load_weights(const Options& options);

/// What --family says, or --model in timm's words ("vit_small_patch16_224.dino").
std::optional<Family> family_told(const Options& options);

/// Where no --model is given: the one that the weights fit. Throws Error(kWeights).
void settle_model(Options& options);

/// load_backbone as the options have it: with the final norm that --mae-norm asks for.
LoadedBackbone load_for(const Options& options, const ViTConfig& vit);

}  // namespace lspt
