// lspt train
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/choice.h"
#include "train/commands/commands.h"
#include "train/machine.h"
#include "train/plan/dry_run.h"
#include "train/settings/config_file.h"
#include "train/settings/defaults.h"
#include "train/settings/recipe_file.h"
#include "train/settings/typed.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// Settings that a resumed run may change: where things are, and how long it goes on.
bool may_change(const Flag& flag) {
  return !flag.result || flag.name == "epochs" || is_place(flag);
}

std::string resumed_folder(const Options& given) {
  const fs::path file = checkpoint_path(given.resume, "last.safetensors");
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

/// Threads, workers and the like are no part of a checkpoint; the run's config.json has them, where
/// it is.
void keep_machine_settings(Options& out, const Options& given) {
  const std::string path = resumed_folder(given) + "/config.json";
  if (!fs::exists(path)) return;
  const Options before = options_from_json(
      std::string(MappedFile::open(path, ErrorKind::kUsage)->bytes()), path, true);
  for (const Flag& flag : flags())
    if (is_setting(flag) && !flag.result && !given.has(flag.name))
      std::visit([&](auto member) { out.*member = before.*member; }, flag.field);
}

/// The settings of the run that `checkpoint` belongs to, with what the command line may change.
Options resumed_options(const Options& given, const Checkpoint& checkpoint) {
  Options out = options_from_json(checkpoint.settings.result_config, "checkpoint");
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
  keep_machine_settings(out, given);
  if (train_settings(out).one_look()) out.epochs = 1;
  if (!given.has("output")) out.output = resumed_folder(given);
  out.given = given.given;
  return out;
}

/// Data and backbone of a new run, which settle what its options left open.
Inputs open_inputs(Options& o) {
  Inputs inputs(dataset_options(o));
  inputs.load(weights_settings(o), vit_config(o.model, static_cast<int>(o.img_size)));
  settle(o, inputs.data().layout, inputs.hint());
  return inputs;
}

int print_config(Options o, bool settled) {
  if (!settled) open_inputs(o);
  o.print_config = false;
  std::printf("%s\n", to_json(o, false).c_str());
  return 0;
}

/// On standard output as JSON, else as a line.
void say_result(const RunResult& result, const RunFolder& folder, bool json, Console& console) {
  if (!result.failed.empty())
    console.warn("this model has learned nothing: training " + result.failed);
  const std::string text =
      format("best %s Acc@1 %.4f (s.e. %.1f; epoch %lld)", result.chosen_on.c_str(),
             result.best_top1, standard_error(result.best_top1, result.chosen_images),
             static_cast<long long>(result.best_epoch)) +
      (result.test ? format(", its test Acc@1 %.4f (s.e. %.1f)", result.test->top1,
                            standard_error(result.test->top1, result.test->images))
                   : "") +
      "; results are in " + folder.path();
  if (!json) return console.line(text);
  console.log(text);
  std::printf("%s\n", json_of(result, folder.path()).c_str());
}

}  // namespace

int run_train(Options o) {
  const bool resuming = o.has("resume");
  if (o.has("config"))
    apply_config(o);
  else if (!resuming)
    apply_recipe(o);
  set_up_machine(machine_settings(o));
  RunPlan plan;
  if (resuming) {
    require(!o.overwrite, ErrorKind::kUsage, "--overwrite: contradicts --resume");
    const std::string path = checkpoint_path(o.resume, "last.safetensors");
    require(fs::exists(path), ErrorKind::kUsage, "--resume ", o.resume, ": ", path,
            " does not exist");
    plan.state = load_checkpoint(path);
    plan.resumed = resumed_folder(o);
    plan.weights = o.weights;
    const Options given = std::move(o);
    o = resumed_options(given, plan.state);
    set_up_machine(machine_settings(o));  // what the run computes with is the checkpoint's
  } else {
    require(!o.data.empty(), ErrorKind::kUsage, "--data: no data set given");
    settle_model(o);
    if (o.output.empty()) o.output = "runs/" + run_name(o);
    // A first time without the weights, so that mistakes show before any work is done.
    Options early = o;
    resolve(early, std::nullopt);
    train_settings(early);
  }
  if (o.print_config) return print_config(o, resuming);
  const auto open = [&] {
    Inputs inputs = resuming ? Inputs(dataset_options(o)) : open_inputs(o);
    plan.state.settings = train_settings(o);
    return inputs;
  };
  if (o.dry_run) {
    Console console;
    Inputs inputs = open();
    dry_run(std::move(plan), inputs, o.json, console);
    return 0;
  }
  const bool in_place = resuming && fs::exists(o.output) && fs::equivalent(o.output, plan.resumed);
  const RunFolder folder(o.output, in_place      ? FolderMode::resume
                                   : o.overwrite ? FolderMode::overwrite
                                                 : FolderMode::fresh);
  Console console;
  try {
    Inputs inputs = open();
    const RunResult result = run(std::move(plan), inputs, folder, console);
    if (result.signal != 0) return 128 + result.signal;
    say_result(result, folder, o.json, console);
    return 0;
  } catch (const Error& failure) {
    console.log(std::string("error: ") + failure.what());
    throw;
  }
}

}  // namespace lspt
