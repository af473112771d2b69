#include "train/output/run_result.h"

#include <filesystem>

#include "engine/error.h"
#include "engine/file.h"
#include "train/choice.h"
#include "train/output/json_text.h"

namespace lspt {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string json_of(const RunResult& result, const std::string& folder, int indent) {
  Json out = {{"output", folder},
              {"recipe", result.settings.recipe},
              {"method", result.settings.model.method.name},
              {"model", result.settings.model_name},
              {"epochs", result.epochs},
              {"chosen_on", result.chosen_on},
              {"best_epoch", result.best_epoch},
              {"best_top1", result.best_top1},
              {"last_top1", result.last_top1},
              {"bad_images", result.bad_images}};
  if (result.trained > 0) out["trained_parameters"] = result.trained;
  if (result.chosen_images > 0) {
    out["best_top1_se"] = standard_error(result.best_top1, result.chosen_images);
    out["chosen_images"] = result.chosen_images;
  }
  if (result.test) {
    out["test_top1"] = result.test->top1;
    if (result.test->images > 0) {
      out["test_top1_se"] = standard_error(result.test->top1, result.test->images);
      out["test_images"] = result.test->images;
    }
    out["test_top5"] = result.test->top5;
    out["test_mean_class_top1"] = result.test->mean_class_top1;
  }
  out["warnings"] = result.warnings;
  if (!result.failed.empty()) out["failed"] = result.failed;
  if (!result.diverged.empty()) out["diverged"] = result.diverged;
  out["data_sha256"] = result.data_sha256;
  if (!result.pixels_sha256.empty()) out["pixels_sha256"] = result.pixels_sha256;
  out["weights_sha256"] = result.weights_sha256;
  return json_text(out, indent);
}

std::optional<RunResult> read_result(const std::string& folder) {
  const std::string path = folder + "/results.json", config = folder + "/config.json";
  if (!fs::exists(path) || !fs::exists(config)) return std::nullopt;
  const Json in = Json::parse(MappedFile::open(path, ErrorKind::kUsage)->bytes(), nullptr, false);
  RunResult out;
  try {
    out.settings = train_settings_from(
        std::string(MappedFile::open(config, ErrorKind::kUsage)->bytes()), config);
    out.data_sha256 = in.at("data_sha256");
    out.weights_sha256 = in.at("weights_sha256");
    out.epochs = in.at("epochs");
    out.chosen_on = in.at("chosen_on");
    out.best_epoch = in.at("best_epoch");
    out.best_top1 = in.at("best_top1");
    out.last_top1 = in.at("last_top1");
    out.bad_images = in.at("bad_images");
    if (in.contains("test_top1"))
      out.test =
          RunResult::Test{in.at("test_top1"), in.at("test_top5"), in.at("test_mean_class_top1"),
                          in.value("test_images", int64_t{0})};
    out.trained = in.value("trained_parameters", int64_t{0});
    out.chosen_images = in.value("chosen_images", int64_t{0});
    if (in.contains("pixels_sha256")) out.pixels_sha256 = in.at("pixels_sha256");
    if (in.contains("warnings")) out.warnings = in.at("warnings").get<std::vector<std::string>>();
    if (in.contains("failed")) out.failed = in.at("failed");
    if (in.contains("diverged")) out.diverged = in.at("diverged");
  } catch (const Json::exception& error) {
    fail(ErrorKind::kUsage, path, ": not a finished run's results: ", error.what());
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, error.what());
  }
  return out;
}

}  // namespace lspt
