#include "train/commands/restored.h"

#include "train/machine.h"
#include "train/output/opening.h"
#include "train/restore.h"

namespace lspt {
namespace {

/// A run's settings with what `given` says about the data set.
void take_data(Options& out, const Options& given) {
  const auto take = [&](const char* flag, auto member) {
    if (given.has(flag)) out.*member = given.*member;
  };
  take("data", &Options::data);
  take("val-fraction", &Options::val_fraction);
  take("split-seed", &Options::split_seed);
  take("bad-images", &Options::bad_images);
  take("validation-batch-size", &Options::validation_batch_size);
  // Another data set is laid out in its own way.
  for (const auto& [flag, member] : {std::pair{"dataset", &Options::dataset},
                                     {"train-list", &Options::train_list},
                                     {"val-list", &Options::val_list},
                                     {"test-list", &Options::test_list},
                                     {"label-column", &Options::label_column}})
    if (given.has(flag) || given.has("data")) out.*member = given.*member;
  if (given.has("class-depth") || given.has("data")) out.class_depth = given.class_depth;
}

}  // namespace

Restored restore_for(const Options& given, Console& console) {
  set_up_machine(machine_settings(given));
  require(!given.checkpoint.empty(), ErrorKind::kUsage, "--checkpoint: none given");
  Restored out;
  const std::string path = checkpoint_path(given.checkpoint, "best.safetensors");
  out.checkpoint = load_checkpoint(path);
  out.options = options_from_json(out.checkpoint.settings.result_config, "checkpoint " + path);
  out.options.workers = given.workers;
  out.options.cache = given.cache;
  out.options.device = given.device;
  out.checkpoint.settings = train_settings(out.options);
  out.model = restore(out.checkpoint, given.weights, ErrorKind::kWeights, console);
  say_images(console, out.checkpoint.settings.data.loader);
  take_data(out.options, given);
  return out;
}

}  // namespace lspt
