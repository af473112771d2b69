#include "train/sweep/runner.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "engine/file.h"
#include "train/settings/config_file.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"
#include "train/signals.h"

namespace lspt {

namespace fs = std::filesystem;

namespace {

/// A value of a setting, or a multiple of what it is by itself.
void set_or_multiply(Options& out, const Flag& flag, const std::string& value,
                     const std::optional<WeightsHint>& weights) {
  if (value.empty() || value.back() != 'x') return set_value(out, flag, value);
  Options plain = out;
  for (const std::string& name : {flag.name, rival_of(flag.name)}) plain.given.erase(name);
  resolve(plain, weights);
  const double factor = std::stod(value);
  if (const auto* real = std::get_if<double Options::*>(&flag.field))
    out.** real = factor * (plain.**real);
  else if (const auto* whole = std::get_if<int64_t Options::*>(&flag.field))
    out.** whole = std::llround(factor * static_cast<double>(plain.**whole));
}

}  // namespace

Options options_of(const Options& base, const Sweep& sweep, const Cell& cell,
                   const std::optional<WeightsHint>& weights) {
  Options out = base;
  out.seed = cell.seed;
  out.output = base.output + "/" + cell_name(sweep.axes, cell);
  // What is multiplied may depend on the others.
  for (const bool multiples : {false, true})
    for (size_t i = 0; i < sweep.axes.size(); ++i) {
      if (cell.values[i].ends_with('x') != multiples) continue;
      const Flag& flag = *sweep.axes[i].flag;
      set_or_multiply(out, flag, cell.values[i], weights);
      out.given.insert(flag.name);
      out.given.erase(rival_of(flag.name));
    }
  return out;
}

size_t runs_of(const Sweep& sweep) {
  const size_t settings = settings_of(sweep.axes).size();
  return sweep.seeds.size() + (settings > 1 ? settings : 0);
}

namespace {

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

}  // namespace

SweepRunner::SweepRunner(Options base, Sweep& sweep, const RunFolder& folder, Inputs& inputs,
                         Console& console, SweepProgress& progress)
    : base_(std::move(base)),
      sweep_(sweep),
      folder_(folder),
      inputs_(inputs),
      console_(console),
      progress_(progress),
      choosing_(settings_of(sweep.axes)) {}

int SweepRunner::run() {
  if (!fs::exists(folder_.file("sweep.json"))) write_tables();  // so that it is a sweep's folder
  if (choosing_.size() > 1) {
    for (const auto& values : choosing_)
      if (const int signal = run_cell({.values = values, .seed = base_.seed}, false)) return signal;
    const Cell* best = best_of(sweep_.cells);
    require(best, ErrorKind::kDiverged, "sweep: training diverged with all ", choosing_.size(),
            " settings; try smaller learning rates");
    sweep_.chosen = best->values;
  } else {
    sweep_.chosen = choosing_[0];
  }
  for (const int64_t seed : sweep_.seeds)
    if (const int signal = run_cell({.values = sweep_.chosen, .seed = seed}, true)) return signal;
  const std::vector<Cell> runs = finals(sweep_);
  require(best_of(runs), ErrorKind::kDiverged, "sweep: training diverged with every seed; ",
          folder_.path(), " has the tables");
  return 0;
}

int SweepRunner::run_cell(Cell cell, bool test) {
  const std::string name = cell_name(sweep_.axes, cell);
  const std::string at = format("[%zu/%zu] ", ++progress_.begun, progress_.planned) + name;
  const Options options = options_of(base_, sweep_, cell, inputs_.hint());
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  std::string how = "done before";
  if (const auto finished = finished_before(options, test)) {
    cell.result = *finished;
  } else {
    cell.result = result_of(options, test, at);
    if (cell.result.signal != 0) return cell.result.signal;
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    ++progress_.ran;
    progress_.seconds += took;
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
  if (progress_.ran > 0 && progress_.begun < progress_.planned)
    text += "  ETA " + clock_text(progress_.seconds / static_cast<double>(progress_.ran) *
                                  static_cast<double>(progress_.planned - progress_.begun));
  console_.line(text);
  keep(std::move(cell));
  return caught_signal();
}

Origin SweepRunner::origin_of(Options options) const {
  const Backbone* backbone = inputs_.backbone();
  settle(options, inputs_.data().layout, inputs_.hint());
  return {train_settings(options), inputs_.digest().sha256(),
          backbone ? backbone->file.sha256 : ""};
}

/// A run from before there was a hash of sizes has one of names.
std::string SweepRunner::data_of(const std::string& sha256) const {
  const DataDigest& now = inputs_.digest();
  return sha256 == now.names ? now.sha256() : sha256;
}

std::optional<RunResult> SweepRunner::finished_before(const Options& options, bool test) const {
  auto result = read_result(options.output);
  if (!result) return std::nullopt;
  check_same({result->settings, data_of(result->data_sha256), result->weights_sha256},
             origin_of(options), options.output);
  const bool complete =
      !test || result->test || !result->diverged.empty() || inputs_.data().test.empty();
  return complete ? result : std::nullopt;
}

RunResult SweepRunner::result_of(const Options& options, bool test, const std::string& at) {
  const std::string last = options.output + "/last.safetensors";
  const Origin origin = origin_of(options);
  const bool resuming = fs::exists(last);
  RunPlan plan{.test = test};
  if (resuming) {
    plan.state = load_checkpoint(last);
    check_same({plan.state.settings, data_of(plan.state.data.sha256()), plan.state.backbone.sha256},
               origin, options.output);
    plan.resumed = options.output;
  }
  // What the checkpoint does not keep is as it is now: workers, device, output.
  plan.state.settings = origin.settings;
  const RunFolder folder(options.output, resuming ? FolderMode::resume : FolderMode::overwrite);
  Console console(at);
  try {
    return lspt::run(std::move(plan), inputs_, folder, console);
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

void SweepRunner::keep(Cell cell) {
  const auto same = [&](const Cell& c) { return c.values == cell.values && c.seed == cell.seed; };
  const auto it = std::find_if(sweep_.cells.begin(), sweep_.cells.end(), same);
  if (it == sweep_.cells.end())
    sweep_.cells.push_back(std::move(cell));
  else
    *it = std::move(cell);
  write_tables();
}

void SweepRunner::write_tables() const {
  write_atomically(folder_.file("sweep.csv"), csv_of(sweep_));
  write_atomically(folder_.file("sweep.txt"), table_of(sweep_));
  write_atomically(folder_.file("sweep.json"), json_of(sweep_, 2) + "\n");
}

}  // namespace lspt
