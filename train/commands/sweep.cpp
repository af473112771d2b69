// lspt sweep
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/commands/commands.h"
#include "train/machine.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"
#include "train/sweep/comparison.h"
#include "train/sweep/runner.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// A method's part of the command: its options, and what is tried.
struct Part {
  Options options;
  Compared compared;
  std::vector<std::string> idle = {};  // flags that have no effect with it
};

/// Mistakes show before any work is done.
void check_settings(const Part& part) {
  const Sweep& sweep = part.compared.sweep;
  for (const auto& values : settings_of(sweep.axes)) {
    Options o = options_of(part.options, sweep, {.values = values, .seed = part.options.seed});
    resolve(o, std::nullopt);
    train_settings(o);
  }
}

Part part_of(const Options& options, const std::string& method, const Sweep& sweep, bool several) {
  Part part{options, {method, sweep}};
  set_value(part.options, *find_flag("method", kRun), method);
  if (several) {
    part.options.output += "/" + method;
    // The same command is to do for all: a head that is fitted, say, has no learning rate.
    Options plain = part.options;
    for (const Flag& flag : flags())
      if (flag.default_text == kByMethod || flag.group == kVariants) plain.given.erase(flag.name);
    resolve(plain, std::nullopt);
    const auto idle = [&](const Flag& flag) {
      const bool is = !needs_of(plain, flag.name).empty();
      if (is) part.idle.push_back(flag.name);
      return is;
    };
    std::erase_if(part.compared.sweep.axes, [&](const Axis& axis) { return idle(*axis.flag); });
    for (const std::string& name : options.given)
      if (const Flag* flag = find_flag(name, kRun); flag && idle(*flag)) {
        part.options.given.erase(name);
        std::visit([&](auto member) { part.options.*member = Options().*member; }, flag->field);
      }
  }
  check_settings(part);
  return part;
}

std::vector<std::string> methods_in(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream text(list);
  for (std::string word; std::getline(text, word, ',');) {
    require(std::find(out.begin(), out.end(), word) == out.end(), ErrorKind::kUsage,
            "--method: ", word, " is there twice");
    out.push_back(word);
  }
  require(!out.empty(), ErrorKind::kUsage, "--method: empty");
  return out;
}

/// Removes what an earlier sweep wrote into the folders of this one.
void remove_cells(const Part& part) {
  const Sweep& sweep = part.compared.sweep;
  std::vector<int64_t> seeds = sweep.seeds;
  seeds.push_back(part.options.seed);
  for (const auto& values : settings_of(sweep.axes))
    for (const int64_t seed : seeds) {
      const std::string path = options_of(part.options, sweep, {values, seed}).output;
      if (fs::exists(path)) RunFolder(path, FolderMode::overwrite);
    }
}

FolderMode mode_of(const Options& o, const std::string& table) {
  return o.overwrite                          ? FolderMode::overwrite
         : fs::exists(o.output + "/" + table) ? FolderMode::resume
                                              : FolderMode::fresh;
}

std::vector<Part> parts_of(Options& options) {
  Sweep sweep;
  for (const std::string& text : options.sweep) {
    sweep.axes.push_back(parse_axis(text));
    require(!has_or_rival(options, *sweep.axes.back().flag), ErrorKind::kUsage, "--sweep ", text,
            ": the flag has a value of its own on the command line");
  }
  const Recipe recipe = apply_recipe(options);
  set_up_machine(machine_settings(options));
  require(!options.data.empty(), ErrorKind::kUsage, "--data: no data set given");
  settle_model(options);
  if (options.sweep.empty()) sweep.axes = recipe.sweep;
  const std::string& seeds = options.seeds.empty() ? recipe.seeds : options.seeds;
  sweep.seeds = parse_seeds(seeds.empty() ? "3" : seeds, options.seed);

  const std::vector<std::string> methods = methods_in(options.method);
  const bool several = methods.size() > 1;
  require(!several || options.recipe.empty(), ErrorKind::kUsage,
          "--recipe: is of one method; --method ", options.method, " compares several");
  if (options.reference.empty()) options.reference = methods[0];
  require(std::find(methods.begin(), methods.end(), options.reference) != methods.end(),
          ErrorKind::kUsage, "--reference ", options.reference, ": not among --method ",
          options.method);
  if (options.output.empty())
    options.output = several ? "runs/sweep-" + options.model : "runs/sweep-" + run_name(options);
  std::vector<Part> parts;
  for (const std::string& method : methods)
    parts.push_back(part_of(options, method, sweep, several));
  return parts;
}

}  // namespace

int run_sweep(Options options) {
  std::vector<Part> parts = parts_of(options);
  const bool several = parts.size() > 1;
  const RunFolder folder(options.output,
                         mode_of(options, several ? "comparison.json" : "sweep.json"));
  SweepProgress progress;
  for (const Part& part : parts) {
    if (options.overwrite) remove_cells(part);
    progress.planned += runs_of(part.compared.sweep);
  }
  Console console;
  std::vector<Compared> done;
  const auto write_comparison = [&] {
    write_atomically(folder.file("comparison.csv"), csv_of(done, options.reference));
    write_atomically(folder.file("comparison.txt"), table_of(done, options.reference));
    write_atomically(folder.file("comparison.json"), json_of(done, options.reference, 2) + "\n");
  };
  try {
    Inputs inputs(dataset_options(options));
    require(inputs.chosen_on() == "val", ErrorKind::kUsage,
            "sweep: no validation images to choose on; give --val-fraction");
    inputs.load(weights_settings(options),
                vit_config(options.model, static_cast<int>(options.img_size)));
    console.open_log(folder.file("log.txt"));
    if (several) write_comparison();  // so that it is a comparison's folder
    for (Part& part : parts) {
      const std::string& method = part.compared.method;
      if (several) console.line(method + ":");
      for (const std::string& flag : part.idle)
        console.line("  note: --" + flag + " has no effect with " + method);
      std::optional<RunFolder> own;
      if (several) own.emplace(part.options.output, mode_of(part.options, "sweep.json"));
      SweepRunner runner(part.options, part.compared.sweep, own ? *own : folder, inputs, console,
                         progress);
      if (const int signal = runner.run()) {
        console.line("stopped and saved; the same command goes on");
        return 128 + signal;
      }
      done.push_back(part.compared);
      if (several) write_comparison();
    }
  } catch (const Error& failure) {
    console.log(std::string("error: ") + failure.what());
    throw;
  }
  const Sweep& only = done[0].sweep;
  const std::string text = options.json
                               ? (several ? json_of(done, options.reference) : json_of(only)) + "\n"
                           : several ? table_of(done, options.reference)
                                     : table_of(only);
  std::fputs(text.c_str(), stdout);
  console.line("results are in " + folder.path());
  return 0;
}

}  // namespace lspt
