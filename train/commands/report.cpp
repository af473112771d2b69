// lspt report, lspt table, lspt attention, lspt prompts
#include "train/report/report.h"

#include <cstdio>
#include <filesystem>

#include "data/images/endings.h"
#include "engine/file.h"
#include "train/commands/commands.h"
#include "train/commands/restored.h"
#include "train/inputs/inputs.h"
#include "train/output/meter.h"
#include "train/output/npy.h"
#include "train/report/files.h"
#include "train/report/table.h"
#include "train/version.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// The run's model, and its data set where it is now.
Restored restore_run(const std::string& run, Options given, Console& console) {
  given.checkpoint = run;
  const std::string data = given.has("data") ? given.data : "";
  given.given.erase("data");  // the same data set, laid out as it was
  Restored out = restore_for(given, console);
  if (!data.empty()) out.options.data = data;
  return out;
}

/// Looks into the group's first run.
void look_into(RunGroup& group, Task& task, const Options& given, Console& console) {
  const Restored restored = restore_run(group.runs[0].folder, given, console);
  DataSettings settings = data_settings(restored.options);
  settings.loader.skip_bad = true;
  const Dataset data = open_data(settings.set);
  require(data.class_names == restored.checkpoint.class_names, ErrorKind::kData, settings.set.path,
          " has other classes than the run");
  task.class_names = readable(data.class_names);
  task.split = data.test.empty() ? "val" : "test";
  const std::vector<Sample>& samples = data.test.empty() ? data.val : data.test;
  Meter meter(console, group.name, static_cast<int64_t>(samples.size()));
  group.inspection =
      inspect(*restored.model, samples, loader_options(settings, false),
              {.block = static_cast<int>(given.block)}, [&](int64_t done) { meter.show(done); });
  for (RunFacts& run : group.runs)
    if (run.test_top1 && run.test_images == 0) run.test_images = group.inspection->evaluation.seen;
}

/// A run's model and the images to look at it with.
struct Look {
  std::unique_ptr<Model> model;
  std::vector<std::string> paths = {};
  Tensor images = {};  ///< (B, 3, S, S) on the host
  Normalization constants = {};
};

Look look_at(const Options& given, const std::string& who, Console& console) {
  std::vector<Sample> samples;
  for (const std::string& path : find_images(who, {given.files.begin() + 1, given.files.end()}))
    samples.push_back({path, 0});
  Restored restored = restore_run(given.files[0], given, console);
  const DataSettings settings = data_settings(restored.options);
  if (samples.empty()) {
    const Dataset data = open_data(settings.set);
    const std::vector<Sample>& all = data.test.empty() ? data.val : data.test;
    for (const int64_t i : spread_over(static_cast<int64_t>(all.size()), given.images))
      samples.push_back(all[static_cast<size_t>(i)]);
  }
  const LoaderOptions options = loader_options(settings, false, false);
  Look out{.model = std::move(restored.model), .constants = options.normalization};
  std::vector<size_t> kept;
  out.images = images_of(samples, options, kept);
  for (const size_t i : kept) out.paths.push_back(samples[i].path);
  require(kept.size() == samples.size(), ErrorKind::kData, who, ": ", samples.size() - kept.size(),
          " of ", samples.size(), " images cannot be read");
  return out;
}

void check_folder(const Options& o, const std::vector<std::string>& names) {
  require(!o.output.empty(), ErrorKind::kUsage, "--output: no folder given");
  require_new(o.output, names, o.overwrite);
}

}  // namespace

int run_report(const Options& given) {
  require_new("", {given.output}, given.overwrite);
  Console console;
  Report report{.made_with = std::string("lspt ") + kVersion};
  report.tasks = tasks_of(read_runs(given.files, report.left_out));
  for (const std::string& why : report.left_out) console.warn(why);
  require(!report.tasks.empty(), ErrorKind::kData,
          "report: none of what is given is a finished run");
  for (Task& task : report.tasks)
    for (RunGroup& group : task.groups) {
      try {
        look_into(group, task, given, console);
      } catch (const Error& error) {
        group.not_inspected = error.what();
        console.warn(group.name + " is not looked into: " + error.what());
      }
    }
  write_atomically(given.output, html_of(report));
  std::printf("%s\n", given.output.c_str());
  return 0;
}

int run_table(const Options& given) {
  const std::string ending = fs::path(given.output).extension().string();
  if (!given.output.empty()) {
    require(ending == ".txt" || ending == ".csv" || ending == ".tex", ErrorKind::kUsage,
            "--output ", given.output, ": .txt, .csv or .tex expected");
    require_new("", {given.output}, given.overwrite);
  }
  Console console;
  std::vector<std::string> left_out;
  const ResultTable table = result_table(tasks_of(read_runs(given.files, left_out)));
  for (const std::string& why : left_out) console.warn(why);
  require(!table.rows.empty(), ErrorKind::kData, "table: no tested run in what is given");
  const std::string text = text_of(table);
  std::fputs(text.c_str(), stdout);
  if (given.output.empty()) return 0;
  write_atomically(given.output, ending == ".csv"   ? csv_of(table)
                                 : ending == ".tex" ? latex_of(table)
                                                    : text);
  return 0;
}

int run_attention(const Options& given) {
  check_folder(given, {"attention.npy", "images.txt"});
  Console console;
  const Look look = look_at(given, "attention", console);
  const ViTConfig& vit = look.model->config().vit;
  Probe probe{.attention_block = given.block < 0 ? vit.depth - 1 : static_cast<int>(given.block)};
  look.model->look(look.images, probe);
  fs::create_directories(given.output);
  write_npy(given.output + "/attention.npy", probe.attention);
  std::string lines;
  for (const std::string& path : look.paths) lines += path + "\n";
  write_atomically(given.output + "/images.txt", lines);
  write_attention(given.output, look.paths, look.images, look.constants, probe.attention,
                  vit.grid());
  std::printf("%s: attention of block %d, %lld heads, over %zu images\n", given.output.c_str(),
              probe.attention_block, static_cast<long long>(probe.attention.dim(1)),
              look.paths.size());
  return 0;
}

int run_prompts(const Options& given) {
  check_folder(given, {"similarity.npy", "similarity.svg", "own_similarity.npy",
                       "own_similarity.svg", "gates.npy", "gates.svg"});
  Console console;
  const Look look = look_at(given, "prompts", console);
  const std::string& method = look.model->config().method.name;
  const PromptLook prompts = look_at_prompts(*look.model, look.images);
  require(static_cast<bool>(prompts.similarity), ErrorKind::kUsage, "prompts: ", given.files[0],
          " is of method ", method, ", which has none");
  fs::create_directories(given.output);
  write_prompts(given.output, prompts, method);
  const Likeness whole = likeness_of(prompts.similarity), own = likeness_of(prompts.own_similarity);
  std::printf(
      "%s: similarity of prompts between neighbouring blocks %.3f, of their own part %.3f; between "
      "all %.3f, %.3f; %s\n",
      given.output.c_str(), whole.neighbours, own.neighbours, whole.all, own.all,
      prompts.gates ? "the LSTM's gates" : "no LSTM, no gates");
  return 0;
}

}  // namespace lspt
