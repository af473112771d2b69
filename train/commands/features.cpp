// lspt features
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/commands/commands.h"
#include "train/commands/restored.h"
#include "train/inputs/inputs.h"
#include "train/inputs/loader_watch.h"
#include "train/machine.h"
#include "train/output/meter.h"
#include "train/output/npy.h"
#include "train/output/opening.h"
#include "train/settings/defaults.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// The untuned backbone of --weights, as `train --method linear` would use it.
std::unique_ptr<Model> backbone_of(Options& o, Console& console) {
  require(!o.weights.empty(), ErrorKind::kUsage,
          "--weights: none given, and no --checkpoint; one of the two expected");
  set_up_machine(machine_settings(o));
  settle_model(o);
  o.method = "linear";
  const Backbone backbone =
      load_weights(weights_settings(o), vit_config(o.model, static_cast<int>(o.img_size)));
  say_weights(console, backbone);
  resolve(o, backbone.hint);
  ModelConfig config = train_settings(o).model;
  config.num_classes = 1;
  return std::make_unique<Model>(config, backbone.loaded.values);
}

std::unique_ptr<Model> tuned_model(Options& o, Console& console) {
  for (const char* flag : {"model", "family", "pool", "img-size", "normalization", "transform",
                           "interpolation", "crop-rule", "dtype"})
    require(!o.has(flag), ErrorKind::kUsage, "--", flag, ": is the checkpoint's");
  Restored restored = restore_for(o, console);
  const Options given = std::move(o);
  o = std::move(restored.options);
  o.batch_size = given.batch_size;
  o.output = given.output;
  return std::move(restored.model);
}

/// Relative to the data set's folder if it is in there.
std::string path_in(const std::string& data, const std::string& path) {
  const fs::path relative = fs::path(path).lexically_relative(data);
  const std::string text =
      relative.empty() || *relative.begin() == ".." ? path : relative.generic_string();
  require(text.find('\n') == std::string::npos, ErrorKind::kData, "features: ", path,
          ": a line break in its name; the list of paths has one a line");
  return text;
}

/// Of a split: features, labels, paths.
std::vector<std::string> files_of(const std::string& split) {
  return {"features_" + split + ".npy", "labels_" + split + ".npy", "paths_" + split + ".txt"};
}

/// How many rows were written: as many as images can be read.
size_t write_split(Model& model, const std::string& split, const std::vector<Sample>& samples,
                   const Options& o, Console& console) {
  std::vector<std::string> files = files_of(split);
  for (std::string& file : files) file = o.output + "/" + file;
  if (samples.empty()) {  // nothing of an earlier data set stays
    std::error_code error;
    for (const std::string& old : files) fs::remove(old, error);
    return 0;
  }
  LoaderOptions options = loader_options(data_settings(o), false);
  options.batch_size = o.batch_size;
  options.cache_bytes = options.device_bytes = 0;
  Loader loader(samples, options);
  Meter meter(console, split, loader.samples());
  std::vector<int64_t> numbers;
  std::string lines;
  write_npy(files[0], model.config().vit.embed_dim, [&](FileSink& out) {
    Batch batch;
    loader.start(0);
    while (loader.next(batch)) {
      const Tensor values = to_device(model.features(batch.images).value, Device::cpu);
      out.write(values.raw(), values.nbytes());
      for (const int64_t index : batch.indices) {
        const Sample& sample = samples[static_cast<size_t>(index)];
        numbers.push_back(sample.label);
        lines += path_in(o.data, sample.path) + "\n";
      }
      meter.show(static_cast<int64_t>(numbers.size()));
    }
    require(!numbers.empty(), ErrorKind::kData, "features: none of ", samples.size(), " ", split,
            " images can be read");
  });
  write_npy(files[1], numbers);
  write_atomically(files[2], lines);
  LoaderWatch({&loader}).say(console);
  console.line(format("%s: %s images in %.1f s, %.1f img/s", split.c_str(),
                      grouped(static_cast<int64_t>(numbers.size())).c_str(), meter.seconds(),
                      static_cast<double>(numbers.size()) / meter.seconds()));
  return numbers.size();
}

}  // namespace

int run_features(const Options& given) {
  require(!given.output.empty(), ErrorKind::kUsage, "--output: no folder given");
  std::vector<std::string> names = {"classes.txt"};
  for (const std::string split : {"train", "val", "test"})
    for (const std::string& name : files_of(split)) names.push_back(name);
  require_new(given.output, names, given.overwrite);
  Console console;
  Options o = given;
  const auto model = given.has("checkpoint") ? tuned_model(o, console) : backbone_of(o, console);
  const Dataset data = open_dataset(dataset_options(o));
  if (!data.note.empty()) console.line("note: " + data.note);
  if (!given.has("checkpoint")) {
    resolve_transform(o, data.layout);
    say_images(console, data_settings(o).loader);
  }
  std::error_code error;
  fs::create_directories(o.output, error);
  const size_t train = write_split(*model, "train", data.train, o, console),
               val = write_split(*model, "val", data.val, o, console),
               test = write_split(*model, "test", data.test, o, console);
  std::string classes;
  for (const std::string& name : data.class_names) classes += name + "\n";
  write_atomically(o.output + "/classes.txt", classes);
  const size_t bad = data.train.size() + data.val.size() + data.test.size() - train - val - test;
  std::printf("%s: features (N, %d) of %zu train, %zu val and %zu test images%s\n",
              o.output.c_str(), model->config().vit.embed_dim, train, val, test,
              bad == 0 ? "" : format("; %zu cannot be read and have no row", bad).c_str());
  return 0;
}

}  // namespace lspt
