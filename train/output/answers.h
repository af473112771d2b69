/// What a model answers about images, and files of answers.
#pragma once

#include <string>
#include <vector>

#include "data/loader.h"
#include "engine/file.h"
#include "train/output/json_text.h"

namespace lspt {

/// softmax of one row of logits.
std::vector<double> probabilities_of(const float* logits, size_t classes);

struct Answer {
  size_t label;
  double probability;
};
/// The `count` classes with the highest logits, the highest first; of equals the first.
std::vector<Answer> best_answers(const float* logits, size_t classes, size_t count);

/// What a model said of an image: its class, and the probabilities of that and of the true class.
struct Judged {
  int64_t sample;  ///< its index in the loader's list
  size_t label, predicted;
  double probability, label_probability;
  bool right() const { return label == predicted; }
};
/// Adds those of a batch with its logits (B, K).
void judge(const Batch& batch, const Tensor& logits, std::vector<Judged>& out);
/// How often each class was taken for each: element true * classes + predicted.
std::vector<int64_t> confusion_of(const std::vector<Judged>& judged, size_t classes);

/// Throws Error(kUsage) unless the name that `flag` has says a format (.csv, .json or .jsonl) and
/// the file is new or may be replaced. Makes its folder.
void check_answer_file(const std::string& flag, const std::string& path, bool overwrite);

/// A table of answers, by the ending of the file's name: .csv with a header, .jsonl a JSON object a
/// line, .json an array of them.
class AnswerWriter {
 public:
  AnswerWriter(FileSink& file, const std::string& path, const std::string& csv_header);
  /// A row, as a line of CSV or as JSON, whichever the file takes.
  void add(const std::string& csv, const nlohmann::ordered_json& json);
  void end();

 private:
  FileSink& file_;
  const bool csv_, array_;
  std::string text_;  // not yet in the file
  bool first_ = true;
};

}  // namespace lspt
