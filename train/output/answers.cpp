#include "train/output/answers.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

namespace lspt {

std::vector<double> probabilities_of(const float* logits, size_t classes) {
  const float largest = *std::max_element(logits, logits + classes);
  std::vector<double> out(classes);
  for (size_t k = 0; k < classes; ++k) out[k] = std::exp(static_cast<double>(logits[k] - largest));
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& p : out) p /= sum;
  return out;
}

std::vector<Answer> best_answers(const float* logits, size_t classes, size_t count) {
  const std::vector<double> probabilities = probabilities_of(logits, classes);
  std::vector<size_t> order(classes);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  std::vector<Answer> answers;
  for (size_t i = 0; i < std::min(count, classes); ++i)
    answers.push_back({order[i], probabilities[order[i]]});
  return answers;
}

void judge(const Batch& batch, const Tensor& logits, std::vector<Judged>& out) {
  const Tensor host = to_device(logits, Device::cpu);
  const auto classes = static_cast<size_t>(host.cols());
  for (size_t i = 0; i < batch.indices.size(); ++i) {
    const float* row = host.data<float>() + i * classes;
    const auto label = static_cast<size_t>(batch.labels[i]);
    const Answer best = best_answers(row, classes, 1)[0];
    out.push_back({batch.indices[i], label, best.label, best.probability,
                   probabilities_of(row, classes)[label]});
  }
}

std::vector<int64_t> confusion_of(const std::vector<Judged>& judged, size_t classes) {
  std::vector<int64_t> counts(classes * classes);
  for (const Judged& j : judged) ++counts[j.label * classes + j.predicted];
  return counts;
}

void check_answer_file(const std::string& flag, const std::string& path, bool overwrite) {
  require(path.ends_with(".csv") || path.ends_with(".json") || path.ends_with(".jsonl"),
          ErrorKind::kUsage, flag, " ", path,
          ": a name that ends in .csv, .json or .jsonl expected, which says the format");
  require_new("", {path}, overwrite);
  std::error_code error;  // a folder that cannot be made is an error of the write
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, error);
}

AnswerWriter::AnswerWriter(FileSink& file, const std::string& path, const std::string& csv_header)
    : file_(file), csv_(path.ends_with(".csv")), array_(path.ends_with(".json")) {
  if (csv_) text_ = csv_header + "\n";
  if (array_) text_ = "[";
}

void AnswerWriter::add(const std::string& csv, const nlohmann::ordered_json& json) {
  if (array_) text_ += first_ ? "\n" : ",\n";
  text_ += csv_ ? csv : json_text(json);
  if (!array_) text_ += "\n";
  first_ = false;
  if (text_.size() < size_t{1} << 16) return;
  file_.write(text_);
  text_.clear();
}

void AnswerWriter::end() { file_.write(text_ + (array_ ? "\n]\n" : "")); }

}  // namespace lspt
