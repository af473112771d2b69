#include "train/output/json_log.h"

#include "engine/file.h"
#include "train/output/json_text.h"

namespace lspt {
namespace {

/// The lines of the file that are about what is done. A last line that was cut off is not one.
std::string lines_about(const std::string& path, const Progress& done) {
  std::ifstream file(path);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("epoch") || !json["epoch"].is_number()) continue;
    const int64_t epoch = json["epoch"], step = json.value("step", int64_t{-1});
    if (epoch <= done.epoch || (epoch == done.epoch + 1 && step > 0 && step <= done.step))
      kept += line + "\n";
  }
  return kept;
}

}  // namespace

JsonLog::JsonLog(const std::string& path, const Progress& done) : path_(path) {
  write_atomically(path, lines_about(path, done));
  file_.open(path, std::ios::app);
}

void JsonLog::step(const EpochRow& row, int64_t step, double loss) {
  write(json_text({{"epoch", row.epoch},
                   {"step", step},
                   {"loss", loss},
                   {"train_loss", row.train_loss},
                   {"train_top1", row.train_top1},
                   {"lr", row.lr},
                   {"img_per_s", row.images_per_second},
                   {"time_s", row.seconds}}));
}

void JsonLog::epoch(const EpochRow& row) {
  write(json_text({{"epoch", row.epoch},
                   {"train_loss", row.train_loss},
                   {"train_top1", row.train_top1},
                   {"eval_loss", row.eval_loss},
                   {"eval_top1", row.eval_top1},
                   {"eval_top5", row.eval_top5},
                   {"lr", row.lr},
                   {"img_per_s", row.images_per_second},
                   {"time_s", row.seconds}}));
}

void JsonLog::write(const std::string& line) {
  require(static_cast<bool>(file_ << line << std::endl), ErrorKind::kWrite, "write ", path_,
          ": no space left, or no permission");
}

}  // namespace lspt
