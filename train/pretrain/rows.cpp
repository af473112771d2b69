#include "train/pretrain/rows.h"

#include <cstdio>
#include <fstream>

#include "train/metrics.h"
#include "train/output/console.h"

namespace lspt {
namespace {

constexpr const char* kColumns = "epoch,loss,lr,img_per_s,time_s,probe_top1\n";

}  // namespace

std::string csv_of(const std::vector<PretrainRow>& rows) {
  std::string text = kColumns;
  for (const PretrainRow& r : rows)
    text += format("%lld,%.6f,%.6g,%.1f,%.1f,", static_cast<long long>(r.epoch), r.loss, r.lr,
                   r.images_per_second, r.seconds) +
            (std::isfinite(r.probe_top1) ? format("%.4f", r.probe_top1) : "") + "\n";
  return text;
}

std::vector<PretrainRow> read_pretrain_csv(const std::string& path, int64_t last_epoch) {
  std::ifstream file(path);
  std::vector<PretrainRow> rows;
  std::string line;
  if (!std::getline(file, line) || line + "\n" != kColumns) return rows;
  while (std::getline(file, line)) {
    PretrainRow r;
    long long epoch = 0;
    const int fields = std::sscanf(line.c_str(), "%lld,%lf,%lf,%lf,%lf,%lf", &epoch, &r.loss, &r.lr,
                                   &r.images_per_second, &r.seconds, &r.probe_top1);
    r.epoch = epoch;
    if (fields < 5 || r.epoch > last_epoch) break;
    rows.push_back(r);
  }
  return rows;
}

std::string curves_svg(const std::vector<PretrainRow>& rows, const std::string& title) {
  std::vector<EpochRow> points;
  for (const PretrainRow& r : rows) {
    EpochRow& point = points.emplace_back();
    point.epoch = r.epoch;
    point.train_loss = r.loss;
    point.eval_loss = point.train_top1 = NAN;
    point.eval_top1 = r.probe_top1;
  }
  return curves_svg(points, title, "probe");
}

}  // namespace lspt
