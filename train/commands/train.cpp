// lspt train
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/choice.h"
#include "train/commands/commands.h"
#include "train/commands/dry_run.h"
#include "train/settings/config_file.h"
#include "train/settings/recipe_file.h"

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
  keep_machine_settings(out, given);
  if (one_look(out)) out.epochs = 1;
  if (!given.has("output")) out.output = resumed_folder(given);
  out.given = given.given;
  return out;
}

int print_config(Options o, bool settled) {
  if (!settled) {
    Inputs inputs(o);
    inputs.load(o);
    inputs.settle(o);
  }
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

int run_train(Options options) {
  const bool resuming = options.has("resume");
  if (options.has("config"))
    apply_config(options);
  else if (!resuming)
    apply_recipe(options);
  set_up_machine(options);
  RunPlan plan;
  if (resuming) {
    require(!options.overwrite, ErrorKind::kUsage, "--overwrite: contradicts --resume");
    const std::string path = checkpoint_path(options.resume, "last.safetensors");
    require(fs::exists(path), ErrorKind::kUsage, "--resume ", options.resume, ": ", path,
            " does not exist");
    plan.state = load_checkpoint(path);
    plan.state.options = resumed_options(options, plan.state);
    plan.resumed = resumed_folder(options);
    plan.weights = options.weights;
    set_up_machine(plan.state.options);  // what the run computes with is the checkpoint's
  } else {
    require(!options.data.empty(), ErrorKind::kUsage, "--data: no data set given");
    settle_model(options);
    if (options.output.empty()) options.output = "runs/" + run_name(options);
    // A first time without the weights, so that mistakes show before any work is done.
    plan.state.options = options;
    resolve(options, std::nullopt);
    model_config(options, 1);
  }
  if (options.print_config) return print_config(plan.state.options, resuming);
  const Options& o = plan.state.options;
  if (options.dry_run) {
    Console console;
    Inputs inputs(o);
    if (!resuming) inputs.load(o);
    dry_run(std::move(plan), inputs, options.json, console);
    return 0;
  }
  const bool in_place = resuming && fs::exists(o.output) && fs::equivalent(o.output, plan.resumed);
  const RunFolder folder(o.output, in_place            ? FolderMode::resume
                                   : options.overwrite ? FolderMode::overwrite
                                                       : FolderMode::fresh);
  Console console;
  try {
    Inputs inputs(o);
    if (!resuming) inputs.load(o);
    const RunResult result = run(std::move(plan), inputs, folder, console);
    if (result.signal != 0) return 128 + result.signal;
    say_result(result, folder, options.json, console);
    return 0;
  } catch (const Error& failure) {
    console.log(std::string("error: ") + failure.what());
    throw;
  }
}

}  // namespace lspt
