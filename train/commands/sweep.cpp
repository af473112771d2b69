// lspt sweep
#include "train/settings/sweep.h"

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/commands/commands.h"
#include "train/machine.h"
#include "train/settings/config_file.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"
#include "train/signals.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// The base's settings with a cell's, unresolved.
Options options_of(const Options& base, const Sweep& sweep, const Cell& cell) {
  Options out = base;
  for (size_t i = 0; i < sweep.axes.size(); ++i) {
    set_value(out, *sweep.axes[i].flag, cell.values[i]);
    out.given.insert(sweep.axes[i].flag->name);
    out.given.erase(rival_of(sweep.axes[i].flag->name));
  }
  out.seed = cell.seed;
  out.output = base.output + "/" + cell_name(sweep.axes, cell);
  return out;
}

/// What a run was made from; a folder that holds another one than is asked for is not touched.
struct Origin {
  TrainSettings settings;
  std::string data_sha256, weights_sha256;
};

void check_same(const Origin& there, const Origin& here, const std::string& folder) {
  std::string differences;
  const auto compare = [&](const std::string& name, const std::string& old,
                           const std::string& now) {
    if (old != now) differences += "\n  " + name + ": " + old + " there, " + now + " here";
  };
  std::vector<std::string> names;
  for (const Flag& flag : flags())
    if ((flag.commands & kRun) && flag.result && !is_place(flag)) names.push_back(flag.name);
  for (const auto& [flag, old, now] : lspt::differences(there.settings, here.settings, names))
    compare("--" + flag, old, now);
  compare("images, sha256 of their names, labels and sizes", there.data_sha256, here.data_sha256);
  compare("weights, sha256", there.weights_sha256, here.weights_sha256);
  require(differences.empty(), ErrorKind::kUsage, "sweep: ", folder, " holds another run",
          differences, "\nTake another --output, or --overwrite");
}

class Runner {
 public:
  Runner(Options base, Sweep& sweep, const RunFolder& folder, Inputs& inputs, Console& console)
      : base_(std::move(base)),
        sweep_(sweep),
        folder_(folder),
        inputs_(inputs),
        console_(console),
        choosing_(settings_of(sweep.axes)) {
    planned_ = sweep.seeds.size();
    if (choosing_.size() > 1) planned_ += choosing_.size();
  }

  /// 0, or the signal that asked for a stop.
  int operator()() {
    if (!fs::exists(folder_.file("sweep.json"))) write_tables();  // so that it is a sweep's folder
    if (choosing_.size() > 1) {
      for (const auto& values : choosing_)
        if (const int signal = cell({.values = values, .seed = base_.seed}, false)) return signal;
      const Cell* best = best_of(sweep_.cells);
      require(best, ErrorKind::kDiverged, "sweep: training diverged with all ", choosing_.size(),
              " settings; try smaller learning rates");
      sweep_.chosen = best->values;
    } else {
      sweep_.chosen = choosing_[0];
    }
    for (const int64_t seed : sweep_.seeds)
      if (const int signal = cell({.values = sweep_.chosen, .seed = seed}, true)) return signal;
    const std::vector<Cell> runs = finals(sweep_);
    require(best_of(runs), ErrorKind::kDiverged, "sweep: training diverged with every seed; ",
            folder_.path(), " has the tables");
    return 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  int cell(Cell cell, bool test) {
    const std::string name = cell_name(sweep_.axes, cell);
    const std::string at = format("[%zu/%zu] ", ++begun_, planned_) + name;
    Options options = options_of(base_, sweep_, cell);
    const auto begin = Clock::now();
    std::string how = "done before";
    if (const auto finished = finished_before(options, test)) {
      cell.result = *finished;
    } else {
      cell.result = run_cell(options, test, at);
      if (cell.result.signal != 0) return cell.result.signal;
      const double took = std::chrono::duration<double>(Clock::now() - begin).count();
      ++ran_;
      seconds_ += took;
      how = clock_text(took);
    }
    for (const EpochRow& row : read_csv(options.output + "/metrics.csv", cell.result.epochs))
      cell.seconds += row.seconds;
    const RunResult& r = cell.result;
    std::string text = at + "  ";
    text += !r.diverged.empty() ? "diverged"
                                : format("%s Acc@1 %.4f (epoch %lld)", r.chosen_on.c_str(),
                                         r.best_top1, static_cast<long long>(r.best_epoch));
    if (!r.failed.empty()) text += ", " + r.failed;
    if (r.test) text += format(", test Acc@1 %.4f", r.test->top1);
    text += "  " + how;
    if (ran_ > 0 && begun_ < planned_)
      text += "  ETA " + clock_text(seconds_ / static_cast<double>(ran_) *
                                    static_cast<double>(planned_ - begun_));
    console_.line(text);
    keep(std::move(cell));
    return caught_signal();
  }

  Origin origin_of(Options options) const {
    const Backbone* backbone = inputs_.backbone();
    settle(options, inputs_.data().layout, inputs_.hint());
    return {train_settings(options), inputs_.digest().sha256(),
            backbone ? backbone->file.sha256 : ""};
  }

  /// A run from before there was a hash of sizes has one of names.
  std::string data_of(const std::string& sha256) const {
    const DataDigest& now = inputs_.digest();
    return sha256 == now.names ? now.sha256() : sha256;
  }

  std::optional<RunResult> finished_before(const Options& options, bool test) const {
    auto result = read_result(options.output);
    if (!result) return std::nullopt;
    check_same({result->settings, data_of(result->data_sha256), result->weights_sha256},
               origin_of(options), options.output);
    const bool complete =
        !test || result->test || !result->diverged.empty() || inputs_.data().test.empty();
    return complete ? result : std::nullopt;
  }

  RunResult run_cell(const Options& options, bool test, const std::string& at) {
    const std::string last = options.output + "/last.safetensors";
    const Origin origin = origin_of(options);
    const bool resuming = fs::exists(last);
    RunPlan plan{.test = test};
    if (resuming) {
      plan.state = load_checkpoint(last);
      check_same(
          {plan.state.settings, data_of(plan.state.data.sha256()), plan.state.backbone.sha256},
          origin, options.output);
      plan.resumed = options.output;
    }
    // What the checkpoint does not keep is as it is now: workers, device, output.
    plan.state.settings = origin.settings;
    const RunFolder folder(options.output, resuming ? FolderMode::resume : FolderMode::overwrite);
    Console console(at);
    try {
      return run(std::move(plan), inputs_, folder, console);
    } catch (const Error& error) {
      console.log(std::string("error: ") + error.what());
      if (error.kind() != ErrorKind::kDiverged) throw;
      RunResult result{.settings = origin.settings,
                       .data_sha256 = origin.data_sha256,
                       .weights_sha256 = origin.weights_sha256,
                       .chosen_on = inputs_.chosen_on(),
                       .diverged = error.what()};
      write_atomically(folder.file("results.json"), json_of(result, folder.path(), 2) + "\n");
      return result;
    }
  }

  void keep(Cell cell) {
    const auto same = [&](const Cell& c) { return c.values == cell.values && c.seed == cell.seed; };
    const auto it = std::find_if(sweep_.cells.begin(), sweep_.cells.end(), same);
    if (it == sweep_.cells.end())
      sweep_.cells.push_back(std::move(cell));
    else
      *it = std::move(cell);
    write_tables();
  }

  void write_tables() const {
    write_atomically(folder_.file("sweep.csv"), csv_of(sweep_));
    write_atomically(folder_.file("sweep.txt"), table_of(sweep_));
    write_atomically(folder_.file("sweep.json"), json_of(sweep_, 2) + "\n");
  }

  const Options base_;
  Sweep& sweep_;
  const RunFolder& folder_;
  Inputs& inputs_;
  Console& console_;
  const std::vector<std::vector<std::string>> choosing_;
  size_t planned_ = 0, begun_ = 0, ran_ = 0;
  double seconds_ = 0;  // of the runs of this process
};

/// Mistakes show before any work is done.
void check_settings(const Options& base, const Sweep& sweep) {
  for (const auto& values : settings_of(sweep.axes)) {
    Options options = options_of(base, sweep, {.values = values, .seed = base.seed});
    resolve(options, std::nullopt);
    train_settings(options);
  }
}

/// Removes what an earlier sweep wrote into the folders of this one.
void remove_cells(const Options& base, const Sweep& sweep) {
  std::vector<int64_t> seeds = sweep.seeds;
  seeds.push_back(base.seed);
  for (const auto& values : settings_of(sweep.axes))
    for (const int64_t seed : seeds) {
      const std::string path = options_of(base, sweep, {values, seed}).output;
      if (fs::exists(path)) RunFolder(path, FolderMode::overwrite);
    }
}

}  // namespace

int run_sweep(Options options) {
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
  if (options.output.empty()) options.output = "runs/sweep-" + run_name(options);
  check_settings(options, sweep);

  const bool again = fs::exists(options.output + "/sweep.json");
  const RunFolder folder(options.output, options.overwrite ? FolderMode::overwrite
                                         : again           ? FolderMode::resume
                                                           : FolderMode::fresh);
  if (options.overwrite) remove_cells(options, sweep);
  Console console;
  try {
    Inputs inputs(dataset_options(options));
    require(inputs.chosen_on() == "val", ErrorKind::kUsage,
            "sweep: no validation images to choose on; give --val-fraction");
    inputs.load(weights_settings(options),
                vit_config(options.model, static_cast<int>(options.img_size)));
    console.open_log(folder.file("log.txt"));
    Runner runner(options, sweep, folder, inputs, console);
    if (const int signal = runner()) {
      console.line("stopped and saved; the same command goes on");
      return 128 + signal;
    }
  } catch (const Error& failure) {
    console.log(std::string("error: ") + failure.what());
    throw;
  }
  std::fputs((options.json ? json_of(sweep) + "\n" : table_of(sweep)).c_str(), stdout);
  console.line("results are in " + folder.path());
  return 0;
}

}  // namespace lspt
