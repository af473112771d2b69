#include "train/metrics.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "ops/cross_entropy.h"
#include "train/output/console.h"

namespace lspt {
namespace {

constexpr const char* kHeader =
    "epoch,train_loss,train_top1,eval_loss,eval_top1,eval_top5,lr,img_per_s,time_s\n";
constexpr const char* kRow = "%lld,%.6f,%.4f,%.6f,%.4f,%.4f,%.6g,%.1f,%.1f\n";

std::string line_of(const EpochRow& r) {
  return format(kRow, static_cast<long long>(r.epoch), r.train_loss, r.train_top1, r.eval_loss,
                r.eval_top1, r.eval_top5, r.lr, r.images_per_second, r.seconds);
}

bool read_line(const std::string& line, EpochRow& r) {
  long long epoch = 0;
  const int fields = std::sscanf(line.c_str(), "%lld,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &epoch,
                                 &r.train_loss, &r.train_top1, &r.eval_loss, &r.eval_top1,
                                 &r.eval_top5, &r.lr, &r.images_per_second, &r.seconds);
  r.epoch = epoch;
  return fields == 9;
}

}  // namespace

std::vector<int64_t> ranks(const Tensor& logits, const std::vector<int>& labels) {
  std::vector<int64_t> out;
  const int64_t classes = logits.cols();
  const Tensor host = to_device(logits, Device::cpu);
  const float* row = host.data<float>();
  for (const int label : labels) {
    const float own = row[label];
    int64_t rank = 0;
    for (int64_t k = 0; k < classes; ++k)
      rank += k != label && (!(row[k] <= own) || (row[k] == own && k < label));
    out.push_back(rank);
    row += classes;
  }
  return out;
}

std::optional<Evaluation> evaluate(Model& model, BatchSource& loader,
                                   const std::function<bool(int64_t)>& progress,
                                   const std::function<void(const Batch&, const Tensor&)>& look) {
  const int64_t classes = model.config().num_classes;
  Evaluation out;
  out.images.resize(static_cast<size_t>(classes));
  out.correct.resize(static_cast<size_t>(classes));
  int64_t top1 = 0, top5 = 0;
  Batch batch;
  loader.start(0);
  for (int64_t done = 1; loader.next(batch); ++done) {
    const Tensor logits = model.forward(batch.images).value;
    const std::vector<int64_t> labels(batch.labels.begin(), batch.labels.end());
    const Tensor loss = cross_entropy(logits, one_hot(labels, classes)).value;
    const auto rank = ranks(logits, batch.labels);
    for (size_t i = 0; i < rank.size(); ++i) {
      const size_t label = static_cast<size_t>(batch.labels[i]);
      top1 += rank[i] == 0;
      top5 += rank[i] < 5;
      ++out.images[label];
      out.correct[label] += rank[i] == 0;
    }
    out.seen += static_cast<int64_t>(rank.size());
    out.loss += static_cast<double>(loss.to_vector()[0]) * static_cast<double>(rank.size());
    if (look) look(batch, logits);
    if (!progress(done)) return std::nullopt;
  }
  require(out.seen > 0 || loader.samples() == 0, ErrorKind::kData, "evaluate: none of ",
          loader.samples(), " images can be read");
  const double n = static_cast<double>(std::max<int64_t>(out.seen, 1));
  out.loss /= n;
  out.top1 = 100.0 * static_cast<double>(top1) / n;
  out.top5 = 100.0 * static_cast<double>(top5) / n;
  int64_t present = 0;
  for (size_t k = 0; k < out.images.size(); ++k) {
    if (out.images[k] == 0) continue;
    ++present;
    out.mean_class_top1 +=
        100.0 * static_cast<double>(out.correct[k]) / static_cast<double>(out.images[k]);
  }
  out.mean_class_top1 /= static_cast<double>(std::max<int64_t>(present, 1));
  return out;
}

Spread spread_of(const std::vector<double>& numbers) {
  Spread out{.n = static_cast<int64_t>(numbers.size())};
  if (out.n == 0) return out;
  const double n = static_cast<double>(out.n);
  for (const double x : numbers) out.mean += x / n;
  double squares = 0;
  for (const double x : numbers) squares += (x - out.mean) * (x - out.mean);
  if (out.n > 1) out.deviation = std::sqrt(squares / (n - 1));
  return out;
}

std::string csv_of(const std::vector<EpochRow>& rows) {
  std::string text = kHeader;
  for (const EpochRow& row : rows) text += line_of(row);
  return text;
}

EpochRow as_written(const EpochRow& row) {
  EpochRow out;
  read_line(line_of(row), out);
  return out;
}

std::vector<EpochRow> read_csv(const std::string& path, int64_t last_epoch) {
  std::ifstream file(path);
  std::vector<EpochRow> rows;
  std::string line;
  if (!std::getline(file, line) || line + "\n" != kHeader) return rows;
  while (std::getline(file, line)) {
    EpochRow row;
    if (!read_line(line, row) || row.epoch > last_epoch) break;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace lspt
