#include "train/run.h"

#include <algorithm>
#include <filesystem>

#include "engine/digest.h"
#include "engine/file.h"
#include "train/inputs/feature_source.h"
#include "train/inputs/first_prompts.h"
#include "train/output/meter.h"
#include "train/output/opening.h"
#include "train/plan/memory_plan.h"
#include "train/restore.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

void check_same_data(const RunPlan& plan, const Inputs& inputs) {
  const auto &old_names = plan.state.class_names, &names = inputs.data().class_names;
  const std::string& data = plan.state.settings.data.set.path;
  if (old_names != names) {
    size_t i = 0;
    while (i < std::min(old_names.size(), names.size()) && old_names[i] == names[i]) ++i;
    const auto at = [&](const auto& list) { return i < list.size() ? list[i] : "none"; };
    fail(ErrorKind::kUsage, "--resume ", plan.resumed, ": other classes\n  checkpoint ",
         old_names.size(), " classes, class ", i, " is ", at(old_names), "\n  ", data, " ",
         names.size(), " classes, class ", i, " is ", at(names));
  }
  const DataDigest& old = plan.state.data;
  require(
      same_images(old, inputs.digest()), ErrorKind::kData, "--resume ", plan.resumed, ": ", data,
      old.names == inputs.digest().names
          ? " has the same names and labels, but files of other sizes than the run began with: "
            "images were replaced"
          : " has the same classes but other images, or another split, than the run began with");
}

/// Brings what the run has written so far up to the settings it goes on with, in the folder where
/// it goes on.
void carry_over(const RunPlan& plan, const RunFolder& folder, Console& console) {
  const Checkpoint& state = plan.state;
  write_atomically(folder.file("metrics.csv"),
                   csv_of(read_csv(plan.resumed + "/metrics.csv", state.progress.epoch)));
  for (const auto& [wanted, name] : {std::pair{state.settings.output.log_json, "log.jsonl"},
                                     {state.settings.output.tensorboard, EventLog::kName}})
    if (const std::string log = plan.resumed + "/" + name; wanted && fs::exists(log))
      write_atomically(folder.file(name), MappedFile::open(log, ErrorKind::kData)->bytes());
  const std::string path = plan.resumed + "/best.safetensors";
  if (!fs::exists(path)) return;
  try {
    Checkpoint best = load_checkpoint(path);
    if (best.progress.best_epoch != state.progress.best_epoch) return;
    best.settings = state.settings;
    best.backbone = state.backbone;
    save_checkpoint(folder.file("best.safetensors"), best);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kWeights) throw;
    console.warn(error.what());
  }
}

std::unique_ptr<Model> new_model(Checkpoint& state, const Inputs& inputs, Console& console) {
  const TrainSettings& settings = state.settings;
  const Backbone* backbone = inputs.backbone();
  if (backbone) {
    say_weights(console, *backbone);
    say_seen(console, *backbone, inputs);
    state.backbone = backbone->file;
  }
  if (!backbone && !settings.model.method.full())
    console.warn("no --weights: the frozen backbone is random");
  state.class_names = inputs.data().class_names;
  NamedTensors values = backbone ? backbone->loaded.values : NamedTensors();
  if (!settings.head_from.empty()) values.merge(head_for(state, settings.head_from));
  if (!settings.prompts_from.empty()) {
    values.merge(prompts_from_file(settings.prompts_from, settings.model));
    console.line("prompts: start as those of " + settings.prompts_from);
  }
  ModelConfig config = settings.model;
  config.num_classes = static_cast<int>(state.class_names.size());
  return std::make_unique<Model>(config, values);
}

/// The largest class's share of the training images, in percent.
double chance_of(const Dataset& data) {
  std::vector<int64_t> counts(data.class_names.size());
  for (const Sample& sample : data.train) ++counts[static_cast<size_t>(sample.label)];
  const auto largest = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  return 100.0 * static_cast<double>(largest) /
         static_cast<double>(std::max<size_t>(data.train.size(), 1));
}

/// One hash of all loaders' pixels, or "".
std::string pixels_of(const std::vector<Loader*>& loaders) {
  Digest digest;
  for (const Loader* loader : loaders) {
    const std::string pixels = loader->pixels_digest();
    if (pixels.empty()) return "";
    digest.add(pixels);
  }
  return digest.hex();
}

/// The best epoch's model on the test images; nothing if a signal came.
std::optional<Evaluation> test_best(Model& model, BatchSource& test, const RunFolder& folder,
                                    Console& console) {
  const Checkpoint best = load_checkpoint(folder.file("best.safetensors"));
  for (Parameter* parameter : model.trainable())
    assign(*parameter, best.trained.at(parameter->name));
  Meter meter(console, "test of the best epoch", test.samples());
  return evaluate(model, test, [&](int64_t done) {
    meter.show(test.samples() * done / test.batches());
    return caught_signal() == 0;
  });
}

}  // namespace

std::unique_ptr<Model> model_for(RunPlan& plan, const Inputs& inputs, Console& console) {
  if (!plan.resumed.empty()) {
    check_same_data(plan, inputs);
    if (const std::string text = modified_since(plan.state.data, inputs.data()); !text.empty())
      console.warn(text);
    if (plan.state.data.images.empty()) plan.state.data = inputs.digest();  // from before
    return restore(plan.state, plan.weights, ErrorKind::kUsage, console, inputs.backbone());
  }
  plan.state.data = inputs.digest();
  return new_model(plan.state, inputs, console);
}

RunResult run(RunPlan plan, Inputs& inputs, const RunFolder& folder, Console& console) {
  Checkpoint& state = plan.state;
  const TrainSettings& settings = state.settings;
  const int64_t epochs = settings.schedule.epochs;
  const bool resuming = !plan.resumed.empty();
  const auto model = model_for(plan, inputs, console);
  if (resuming) carry_over(plan, folder, console);
  Loader &train_images = inputs.train(settings.data), &choice_images = inputs.choice(settings.data);
  const auto train_features = features_for(*model, train_images);
  const auto choice_features = features_for(*model, choice_images);
  BatchSource& train = train_features ? *train_features : static_cast<BatchSource&>(train_images);
  BatchSource& choice =
      choice_features ? *choice_features : static_cast<BatchSource&>(choice_images);

  console.open_log(folder.file("log.txt"));
  say_start(console, settings, *model, inputs.data());
  say_features(console, *model, train_features.get(), choice_features.get());
  if (resuming && state.progress.epoch >= epochs)
    console.line(format("all %lld epochs are done; best Acc@1 %.4f (epoch %lld)",
                        static_cast<long long>(epochs), state.progress.chosen_top1,
                        static_cast<long long>(state.progress.chosen_epoch)));
  else if (resuming)
    console.line(format(
        "resuming at epoch %lld/%lld, step %lld of %lld; best Acc@1 %.4f (epoch %lld)",
        static_cast<long long>(state.progress.epoch + 1), static_cast<long long>(epochs),
        static_cast<long long>(state.progress.step + 1), static_cast<long long>(train.batches()),
        state.progress.chosen_top1, static_cast<long long>(state.progress.chosen_epoch)));
  write_atomically(folder.file("config.json"), settings.config + "\n");
  Trainer trainer(state, *model, train, choice, inputs.chosen_on(), chance_of(inputs.data()),
                  folder, console);
  const bool tests = plan.test && inputs.chosen_on() == "val" && !inputs.data().test.empty();
  if (tests)
    trainer.test_follows((static_cast<int64_t>(inputs.data().test.size()) - 1) /
                             settings.data.validation_batch_size +
                         1);
  check_memory(*model, settings, inputs.data());
  catch_signals();
  if (const int signal = trainer.run(); signal != 0) return {.signal = signal};

  RunResult result{.settings = settings,
                   .data_sha256 = state.data.sha256(),
                   .weights_sha256 = state.backbone.sha256,
                   .epochs = state.progress.epoch,
                   .best_epoch = state.progress.chosen_epoch,
                   .chosen_on = inputs.chosen_on(),
                   .best_top1 = state.progress.chosen_top1,
                   .last_top1 = trainer.rows().empty() ? 0 : trainer.rows().back().eval_top1,
                   .chosen_images = choice.samples(),
                   .trained = elements(model->trainable()),
                   .bad_images = train.bad_images().size() + choice.bad_images().size(),
                   .warnings = state.warnings,
                   .failed = trainer.failed()};
  if (tests) {
    const auto test = test_best(*model, inputs.test(settings.data), folder, console);
    if (!test) return {.signal = caught_signal()};
    result.bad_images += inputs.test(settings.data).bad_images().size();
    result.test = RunResult::Test{test->top1, test->top5, test->mean_class_top1, test->seen};
  }
  std::vector<Loader*> loaders = {&train_images, &choice_images};
  if (result.test) loaders.push_back(&inputs.test(settings.data));
  result.pixels_sha256 = pixels_of(loaders);
  write_atomically(folder.file("results.json"), json_of(result, folder.path(), 2) + "\n");
  return result;
}

}  // namespace lspt
