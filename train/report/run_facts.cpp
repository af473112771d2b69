#include "train/report/run_facts.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "train/checkpoint.h"
#include "train/output/json_text.h"
#include "train/output/run_result.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 3;

/// The folders of finished runs in a folder; itself if it is one.
std::vector<std::string> run_folders(const std::string& path) {
  if (fs::exists(path + "/results.json")) return {path};
  std::vector<std::string> out;
  if (!fs::is_directory(path)) return out;
  for (auto at = fs::recursive_directory_iterator(path); at != fs::recursive_directory_iterator();
       ++at) {
    if (at.depth() >= kDeepest) at.disable_recursion_pending();
    if (at->path().filename() == "results.json") out.push_back(at->path().parent_path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Settings as text by flag, without what only says where things lie, or which repetition this is.
std::map<std::string, std::string> settings_of_run(const TrainSettings& settings) {
  std::map<std::string, std::string> out;
  const auto json = nlohmann::ordered_json::parse(settings.result_config);
  for (const auto& [flag, value] : json.items())
    out[flag] = value.is_string() ? value.get<std::string>() : value.dump();
  for (const char* other :
       {"data", "dataset", "train-list", "val-list", "test-list", "weights", "seed"})
    out.erase(other);
  return out;
}

RunFacts facts_of(const std::string& folder) {
  const std::optional<RunResult> result = read_result(folder);
  require(result.has_value(), ErrorKind::kData, folder, ": no config.json beside results.json");
  const TrainSettings& settings = result->settings;
  RunFacts out{.folder = folder,
               .method = settings.model.method.name,
               .model = settings.model_name,
               .data = settings.data.set.path,
               .weights = fs::path(settings.weights.path).filename().string(),
               .data_sha256 = result->data_sha256,
               .weights_sha256 = result->weights_sha256,
               .chosen_on = result->chosen_on,
               .seed = static_cast<int64_t>(settings.model.seed),
               .settings = settings_of_run(settings),
               .epochs = read_csv(folder + "/metrics.csv", result->epochs),
               .best_epoch = result->best_epoch,
               .best_top1 = result->best_top1,
               .warnings = result->warnings,
               .diverged = !result->diverged.empty(),
               .trouble = result->diverged.empty() ? result->failed : result->diverged};
  out.settings["weights"] = out.weights;
  if (result->test) {
    out.test_top1 = result->test->top1;
    out.test_images = result->test->images;
  } else if (out.chosen_on == "test" && !out.diverged) {
    out.test_top1 = result->best_top1;
  }
  const std::string checkpoint = folder + "/best.safetensors";
  if (result->trained > 0) out.trained = result->trained;
  if (out.trained || !fs::exists(checkpoint)) return out;
  try {  // a folder from before results.json had it
    int64_t trained = 0;
    for (const auto& [name, tensor] : load_checkpoint(checkpoint).trained)
      trained += tensor.numel();
    out.trained = trained;
  } catch (const Error& error) {
    out.trouble = error.what();
  }
  return out;
}

}  // namespace

std::vector<RunFacts> read_runs(const std::vector<std::string>& given,
                                std::vector<std::string>& left_out) {
  std::vector<RunFacts> out;
  std::set<fs::path> seen;
  for (const std::string& path : given) {
    std::vector<RunFacts> here;
    const std::vector<std::string> folders = run_folders(path);
    if (folders.empty()) left_out.push_back(path + ": no finished run there");
    for (const std::string& folder : folders) {
      if (!seen.insert(fs::weakly_canonical(folder)).second) continue;
      try {
        here.push_back(facts_of(folder));
      } catch (const Error& error) {
        const std::string why = error.what();
        left_out.push_back(why.starts_with(folder) ? why : folder + ": " + why);
      }
    }
    const auto untested =
        std::count_if(here.begin(), here.end(), [](const RunFacts& run) { return !run.test_top1; });
    if (untested > 0 && untested < static_cast<int64_t>(here.size())) {
      left_out.push_back(path + ": " + std::to_string(untested) +
                         " runs without a test, as those that a sweep chooses from");
      std::erase_if(here, [](const RunFacts& run) { return !run.test_top1; });
    }
    std::move(here.begin(), here.end(), std::back_inserter(out));
  }
  return out;
}

}  // namespace lspt
