// lspt train
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/file.h"
#include "engine/parallel.h"
#include "train/commands.h"
#include "train/feature_source.h"
#include "train/setup.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// Settings that a resumed run may change: where things are, and how long it goes on.
bool may_change(const Flag& flag) {
  return !flag.result || flag.name == "epochs" || flag.name == "data" || flag.name == "dataset" ||
         flag.name == "train-list" || flag.name == "val-list" || flag.name == "test-list" ||
         flag.name == "weights";
}

std::string resumed_folder(const Options& given) {
  const fs::path file = checkpoint_path(given.resume, "last.safetensors");
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

/// The settings of the run that `checkpoint` belongs to, with what the command line may change.
Options resumed_options(const Options& given, const Checkpoint& checkpoint) {
  Options out = checkpoint.options;
  std::string differences;
  for (const Flag& flag : flags()) {
    if (!(flag.commands & kTrain) || !given.has(flag.name)) continue;
    const std::string mine = text_of(given, flag), saved = text_of(out, flag);
    if (!may_change(flag) && mine != saved)
      differences += "\n  --" + flag.name + ": checkpoint " + saved + ", command line " + mine;
    std::visit([&](auto member) { out.*member = given.*member; }, flag.field);
  }
  require(differences.empty(), ErrorKind::kUsage, "--resume ", given.resume,
          ": these settings cannot change in the middle of a run", differences,
          "\nLeave them out, or start a new run with another --output");
  if (!given.has("output")) out.output = resumed_folder(given);
  out.given = given.given;
  return out;
}

void check_same_data(const Checkpoint& checkpoint, const Dataset& dataset, const Options& o) {
  if (checkpoint.class_names != dataset.class_names) {
    size_t i = 0;
    const auto &old_names = checkpoint.class_names, &names = dataset.class_names;
    while (i < std::min(old_names.size(), names.size()) && old_names[i] == names[i]) ++i;
    const auto at = [&](const auto& list) { return i < list.size() ? list[i] : "none"; };
    fail(ErrorKind::kUsage, "--resume ", o.resume, ": other classes\n  checkpoint ",
         old_names.size(), " classes, class ", i, " is ", at(old_names), "\n  ", o.data, " ",
         names.size(), " classes, class ", i, " is ", at(names));
  }
  require(checkpoint.data_digest == data_digest_of(dataset), ErrorKind::kData, "--resume ",
          o.resume, ": ", o.data,
          " has the same classes but other images, or another split, than the run began with");
}

/// Brings what the run has written so far up to the settings it goes on with, in the folder where
/// it goes on.
void carry_over(const Checkpoint& state, const std::string& from, const RunFolder& folder,
                Console& console) {
  write_atomically(folder.file("metrics.csv"),
                   csv_of(read_csv(from + "/metrics.csv", state.progress.epoch)));
  const std::string path = from + "/best.safetensors";
  if (!fs::exists(path)) return;
  try {
    Checkpoint best = load_checkpoint(path);
    if (best.progress.best_epoch != state.progress.best_epoch) return;
    best.options = state.options;
    best.backbone = state.backbone;
    save_checkpoint(folder.file("best.safetensors"), best);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kWeights) throw;
    console.warn(error.what());
  }
}

int64_t elements(const Parameters& parameters) {
  int64_t count = 0;
  for (const Parameter* parameter : parameters) count += parameter->var.value.numel();
  return count;
}

void say_start(Console& console, const Checkpoint& state, Model& model, const Dataset& dataset) {
  const Options& o = state.options;
  console.line("model: " + o.model + " at " + std::to_string(o.img_size) + " px, pool " + o.pool +
               ", " + o.dtype + " on " + device_text(o) + " + loader " + std::to_string(o.workers));
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
  console.line("images: " + o.transform + ", " + o.interpolation + ", normalization " +
               o.normalization);
  console.line(format("recipe: %s, lr %g, weight decay %g, %lld epochs (%lld warm-up), batch %lld",
                      o.opt.c_str(), o.lr, o.weight_decay, static_cast<long long>(o.epochs),
                      static_cast<long long>(o.warmup_epochs),
                      static_cast<long long>(o.batch_size)));
  if (o.epochs <= o.warmup_epochs)
    console.warn(
        format("all %lld epochs lie in the warm-up of %lld: the learning rate reaches %.2g "
               "of --lr. Give --warmup-epochs for a short run",
               static_cast<long long>(o.epochs), static_cast<long long>(o.warmup_epochs),
               static_cast<double>(o.epochs) / static_cast<double>(o.warmup_epochs)));
}

void say_features(Console& console, const BatchSource& train, const BatchSource& evaluation) {
  std::string text;
  int64_t bytes = 0;
  for (const auto& [name, source] : {std::pair{"training", &train}, {"evaluation", &evaluation}})
    if (const auto* features = dynamic_cast<const FeatureSource*>(source)) {
      text += (text.empty() ? "" : " and ") + std::string(name);
      bytes += features->bytes();
    }
  if (!text.empty())
    console.line(format("features: of each %s image once, kept in %.1f MB", text.c_str(),
                        static_cast<double>(bytes) / 1e6));
}

/// The best epoch's model on the test images, where it was not chosen on them; nothing if a signal
/// came.
std::optional<Evaluation> test_best(Model& model, BatchSource& test, const RunFolder& folder,
                                    Console& console) {
  const Checkpoint best = load_checkpoint(folder.file("best.safetensors"));
  for (Parameter* parameter : model.trainable())
    assign(*parameter, best.trained.at(parameter->name));
  auto evaluation = evaluate(model, test, [&](int64_t done) {
    console.bar(format("test of the best epoch [%lld/%lld]", static_cast<long long>(done),
                       static_cast<long long>(test.batches())));
    return caught_signal() == 0;
  });
  console.clear_bar();
  return evaluation;
}

/// results.json, and the same on standard output. `test` is of the best epoch.
void write_result(const Options& o, const Progress& progress, const std::vector<EpochRow>& rows,
                  const std::string& split, const std::optional<Evaluation>& test,
                  size_t bad_images, const RunFolder& folder, Console& console) {
  nlohmann::ordered_json out = {{"output", folder.path()},
                                {"method", o.method},
                                {"model", o.model},
                                {"epochs", progress.epoch},
                                {"chosen_on", split},
                                {"best_epoch", progress.best_epoch},
                                {"best_top1", progress.best_top1},
                                {"last_top1", rows.empty() ? 0 : rows.back().eval_top1},
                                {"bad_images", bad_images}};
  if (test) {
    out["test_top1"] = test->top1;
    out["test_top5"] = test->top5;
    out["test_mean_class_top1"] = test->mean_class_top1;
  }
  write_atomically(folder.file("results.json"), out.dump(2) + "\n");
  if (o.json) std::printf("%s\n", out.dump().c_str());
  const std::string text = format("best %s Acc@1 %.4f (epoch %lld)", split.c_str(),
                                  progress.best_top1, static_cast<long long>(progress.best_epoch)) +
                           (test ? format(", its test Acc@1 %.4f", test->top1) : "") +
                           "; results are in " + folder.path();
  if (o.json)
    console.log(text);
  else
    console.line(text);
}

int train_in(const RunFolder& folder, Checkpoint& state, const Options& given, Console& console) {
  const bool resuming = given.has("resume");
  Options& o = state.options;
  const Dataset dataset = open_data(o);
  if (resuming) check_same_data(state, dataset, o);
  state.class_names = dataset.class_names;
  state.data_digest = data_digest_of(dataset);
  if (!resuming) resolve_transform(o, dataset.layout);

  std::unique_ptr<Model> model;
  if (resuming) {
    model = restore(state, given.weights, ErrorKind::kUsage, console);
    if (given.has("weights"))
      state.backbone.path = fs::absolute(given.weights).lexically_normal().string();
    carry_over(state, resumed_folder(given), folder, console);
  } else {
    std::optional<Backbone> backbone;
    if (!o.weights.empty()) {
      backbone = load_weights(o);
      say_weights(console, *backbone);
      state.backbone = backbone->file;
    }
    resolve(o, backbone ? std::optional(backbone->hint) : std::nullopt);
    if (!backbone && o.method != "full")
      console.warn("no --weights: the frozen backbone is random");
    model = std::make_unique<Model>(model_config(o, static_cast<int>(dataset.class_names.size())),
                                    backbone ? backbone->loaded.values : NamedTensors());
  }
  const std::string split = dataset.val.empty() ? "test" : "val";
  const auto train = batches_for(*model, dataset.train, loader_options(o, true));
  const auto evaluation = batches_for(*model, dataset.val.empty() ? dataset.test : dataset.val,
                                      loader_options(o, false));

  console.open_log(folder.file("log.txt"));
  say_start(console, state, *model, dataset);
  say_features(console, *train, *evaluation);
  if (resuming)
    console.line(format(
        "resuming at epoch %lld/%lld, step %lld of %lld; best Acc@1 %.4f (epoch %lld)",
        static_cast<long long>(state.progress.epoch + 1), static_cast<long long>(o.epochs),
        static_cast<long long>(state.progress.step + 1), static_cast<long long>(train->batches()),
        state.progress.best_top1, static_cast<long long>(state.progress.best_epoch)));
  write_atomically(folder.file("config.json"), to_json(o, false) + "\n");
  Trainer trainer(state, *model, *train, *evaluation, split, folder, console);
  catch_signals();
  if (const int signal = trainer.run(); signal != 0) return 128 + signal;
  size_t bad_images = train->bad_images().size() + evaluation->bad_images().size();
  std::optional<Evaluation> test;
  if (!dataset.val.empty() && !dataset.test.empty()) {
    Loader images(dataset.test, loader_options(o, false));
    test = test_best(*model, images, folder, console);
    if (!test) return 128 + caught_signal();
    bad_images += images.bad_images().size();
  }
  write_result(o, state.progress, trainer.rows(), split, test, bad_images, folder, console);
  return 0;
}

}  // namespace

int run_train(Options options) {
  set_up_machine(options);
  Checkpoint state;
  if (options.has("resume")) {
    require(!options.overwrite, ErrorKind::kUsage, "--overwrite: contradicts --resume");
    const std::string path = checkpoint_path(options.resume, "last.safetensors");
    require(fs::exists(path), ErrorKind::kUsage, "--resume ", options.resume, ": ", path,
            " does not exist");
    state = load_checkpoint(path);
    state.options = resumed_options(options, state);
    set_up_machine(state.options);  // what the run computes with is the checkpoint's
  } else {
    require(!options.data.empty(), ErrorKind::kUsage, "--data: no data set given");
    if (options.output.empty()) options.output = "runs/" + options.method + "-" + options.model;
    // A first time without the weights, so that mistakes show before any work is done.
    state.options = options;
    resolve(options, std::nullopt);
    model_config(options, 1);
  }
  const bool in_place = fs::exists(state.options.output) && options.has("resume") &&
                        fs::equivalent(state.options.output, resumed_folder(options));
  const RunFolder folder(state.options.output, in_place            ? FolderMode::resume
                                               : options.overwrite ? FolderMode::overwrite
                                                                   : FolderMode::fresh);
  Console console;
  try {
    return train_in(folder, state, options, console);
  } catch (const Error& failure) {
    console.log(std::string("error: ") + failure.what());
    throw;
  }
}

}  // namespace lspt
