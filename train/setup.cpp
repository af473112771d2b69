#include "train/setup.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "engine/cuda.h"
#include "engine/digest.h"
#include "engine/file.h"
#include "engine/kernel.h"
#include "engine/notice.h"
#include "engine/parallel.h"
#include "engine/processors.h"
#include "engine/waiting.h"
#include "models/weights/describe.h"
#include "models/weights/names/known_files.h"
#include "models/weights/sketch.h"

namespace lspt {

namespace fs = std::filesystem;

void set_up_machine(const Options& options) {
  // Images come and go: their memory stays with the process, instead of being fetched anew, and
  // cleared by the system, for each.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  if (device_of(options) == Device::cuda)
    if constexpr (kHasCuda) cuda::allow_tf32(options.tf32);
  use_threads(options);
}

void use_threads(const Options& options) {
  const int allowed = processors_allowed(), asked = static_cast<int>(options.threads);
  if (asked > allowed)
    notice("--threads " + std::to_string(asked) + ": this process may use " +
           std::to_string(allowed) +
           " processors (affinity and control group); more threads than "
           "that wait for each other");
  if (asked > 0)
    set_thread_count(asked);
  else if (!std::getenv("OMP_NUM_THREADS"))
    set_thread_count(std::min(thread_count(), allowed));
  watch_waiting();
}

std::string device_text(const Options& options) {
  if constexpr (kHasCuda)
    if (device_of(options) == Device::cuda) return cuda::describe();
  return "cpu, threads " + std::to_string(thread_count());
}

DatasetOptions dataset_options(const Options& o) {
  require(!o.data.empty(), ErrorKind::kUsage, "--data: no data set given");
  return {o.data,
          o.dataset,
          o.train_list,
          o.val_list,
          o.test_list,
          o.val_fraction,
          static_cast<uint64_t>(o.split_seed),
          false,
          o.label_column,
          o.class_depth};
}

Dataset open_data(const Options& o) {
  const DatasetOptions options = dataset_options(o);
  Dataset dataset = open_dataset(options);
  check_trainable(dataset, options);
  return dataset;
}

namespace {

/// One file a data set and resize rule. "" if there is nowhere to put it.
std::string cache_file(const Options& o, const ResizeRule& rule) {
  if (o.cache == "off") return "";
  fs::path folder = o.cache;
  if (o.cache == "auto") {
    const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
    if (cache && *cache)
      folder = cache;
    else if (home && *home)
      folder = fs::path(home) / ".cache";
    else
      return "";
    folder = folder / "lspt" / "images";
  }
  const fs::path data = fs::absolute(o.data).lexically_normal();
  Digest digest;
  digest.add(data.string());
  const std::string name = (data.has_filename() ? data : data.parent_path()).filename().string();
  return (folder / (name.substr(0, 100) + "-" + digest.hex().substr(0, 16) + "-" + text_of(rule) +
                    ".pixels"))
      .string();
}

}  // namespace

LoaderOptions loader_options(const Options& o, bool train, bool cached) {
  LoaderOptions out;
  out.batch_size = train ? o.batch_size : o.validation_batch_size;
  out.img_size = static_cast<int>(o.img_size);
  out.train = train;
  out.augment = !o.no_aug;
  out.normalization = o.normalization == "half" ? kHalf : kImageNet;
  // "auto" is what checkpoints from before the transforms have.
  out.transform = o.transform == "vtab" ? Transform::vtab : Transform::fgvc;
  out.interpolation = o.interpolation == "bicubic"       ? Interpolation::bicubic
                      : o.interpolation == "tf-bilinear" ? Interpolation::tf_bilinear
                                                         : Interpolation::bilinear;
  out.crop_rule =
      o.crop_rule == "torchvision-0.8" ? CropRule::torchvision_0_8 : CropRule::torchvision_0_9;
  out.skip_bad = o.bad_images == "skip";
  if (cached)
    out.cache_file = cache_file(o, resize_rule(out));
  else
    out.cache_bytes = 0;
  out.seed = static_cast<uint64_t>(o.seed);
  out.workers = static_cast<int>(o.workers);
  out.device = device_of(o);
  return out;
}

std::optional<Family> family_told(const Options& o) {
  return o.family == "auto" ? family_of_model(o.model) : family_of(o.family);
}

void settle_model(Options& o) {
  if (o.has("model") || o.weights.empty()) return;
  const WeightFile file = WeightFile::open(o.weights);
  const NameMap map = map_names(file, family_told(o));
  const ViTGuess found = guess_vit(shapes_of(map));
  require(!found.name.empty(), ErrorKind::kWeights, "load ", o.weights, ": the file is a ",
          found.text(), "; there is no --model of that size");
  o.model = found.name;
  // DINOv2's positions are of its last, short phase at 518 pixels.
  constexpr int kDinov2Size = 518, kEvaluated = 224;
  if (map.family == Family::dinov2 && o.img_size == 0 &&
      vit_config(o.model).img_size == kDinov2Size) {
    o.img_size = kEvaluated;
    notice(format("%s at %d px, as DINOv2's authors evaluate it; --img-size %d is its own size",
                  o.model.c_str(), kEvaluated, kDinov2Size));
  }
}

// VPT's MAE pools the patches first and normalizes with a layer `fc_norm`, which is not in the
// file; its loader drops the file's `norm` in silence. It then is at its initial values, and frozen
// unless everything is trained.
LoadedBackbone load_for(const Options& o, const ViTConfig& vit) {
  std::optional<Resample> resample;
  if (o.pos_interpolation != "auto") resample = resample_of(o.pos_interpolation);
  LoadedBackbone loaded = load_backbone(o.weights, backbone_shapes(vit), resample, family_told(o));
  const bool mae = loaded.family == Family::mae || loaded.family == Family::hf_vit_mae;
  if (o.mae_norm == "vpt" && mae) {
    for (const char* name : {"norm.weight", "norm.bias"}) {
      loaded.values.erase(name);
      std::erase(loaded.used, name);
      loaded.unused.push_back(name);
    }
    loaded.notes.push_back("final norm left at weight 1 and bias 0, as VPT leaves its fc_norm");
  }
  return loaded;
}

Backbone load_weights(const Options& o) {
  Backbone out;
  const WeightFile file = WeightFile::open(o.weights);
  // Hashed beside the loading, which reads the same bytes.
  auto published = std::async(std::launch::async, known_file, std::cref(file),
                              map_names(file).family, vit_config(o.model).name);
  out.loaded = load_for(o, vit_config(o.model, static_cast<int>(o.img_size)));
  out.file.path = fs::absolute(o.weights).lexically_normal().string();
  out.file.bytes = file.bytes();
  out.file.sha256 = sha256_of(o.weights);
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
    const Checkpoint run = load_checkpoint(o.weights);
    const Options& before = run.options;
    out.seen_classes = run.class_names;
    out.seen_data = run.data;
    out.hint.pool = before.pool;
    out.hint.fc_norm = before.fc_norm == "auto" ? "1" : before.fc_norm;
    out.hint.normalization = out.loaded.normalization = before.normalization;
  }
  return out;
}

void LoaderWatch::say(Console& console) {
  size_t more = 0;
  for (Watched& watched : loaders_) {
    for (const BadImage& bad : watched.loader->bad_images()) {
      if (!watched.said.insert(bad.index).second) continue;
      if (++named_ <= 5)
        console.warn("left out: " + bad.error);
      else
        ++more;
    }
    if (const std::string trouble = watched.loader->cache_trouble();
        !trouble.empty() && !std::exchange(trouble_said_, true))
      console.warn(trouble + "; going on without it");
  }
  if (more > 0) console.warn(format("left out: %zu more images that cannot be read", more));
}

}  // namespace lspt
