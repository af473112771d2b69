// lspt eval
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "train/choice.h"
#include "train/commands/commands.h"
#include "train/commands/restored.h"
#include "train/inputs/inputs.h"
#include "train/inputs/loader_watch.h"
#include "train/metrics.h"
#include "train/output/answers.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string per_class_csv(const Evaluation& e, const std::vector<std::string>& names) {
  std::string text = "class,name,images,correct,top1\n";
  for (size_t k = 0; k < names.size(); ++k) {
    const double top1 = 100.0 * static_cast<double>(e.correct[k]) /
                        static_cast<double>(std::max<int64_t>(e.images[k], 1));
    text += std::to_string(k) + "," + quoted(names[k]) + "," + std::to_string(e.images[k]) + "," +
            std::to_string(e.correct[k]) + format(",%.4f\n", top1);
  }
  return text;
}

/// How often each class (a row) was taken for each (a column).
std::string confusion_csv(const std::vector<Judged>& judged,
                          const std::vector<std::string>& names) {
  const size_t n = names.size();
  const std::vector<int64_t> counts = confusion_of(judged, n);
  std::string text = "true class";
  for (const std::string& name : names) text += "," + quoted(name);
  for (size_t k = 0; k < n; ++k) {
    text += "\n" + quoted(names[k]);
    for (size_t i = 0; i < n; ++i) text += "," + std::to_string(counts[k * n + i]);
  }
  return text + "\n";
}

void write_predictions(const std::string& path, const std::vector<Judged>& judged,
                       const std::vector<Sample>& samples, const std::vector<std::string>& names) {
  write_atomically(path, [&](FileSink& file) {
    AnswerWriter writer(file, path,
                        "path,true_class,predicted_class,probability,true_class_probability,right");
    for (const Judged& j : judged) {
      const std::string &label = names[j.label], &predicted = names[j.predicted];
      const std::string& image = samples[static_cast<size_t>(j.sample)].path;
      const bool right = j.right();
      writer.add(quoted(image) + "," + quoted(label) + "," + quoted(predicted) +
                     format(",%.6f,%.6f,%d", j.probability, j.label_probability, right),
                 {{"path", image},
                  {"true_class", label},
                  {"predicted_class", predicted},
                  {"probability", j.probability},
                  {"true_class_probability", j.label_probability},
                  {"right", right}});
    }
    writer.end();
  });
}

}  // namespace

int run_eval(const Options& given) {
  if (!given.output.empty())
    require_new(given.output, {"eval.json", "per_class.csv", "confusion.csv"}, given.overwrite);
  if (!given.predictions.empty())
    check_answer_file("--predictions", given.predictions, given.overwrite);
  Console console;
  const Restored restored = restore_for(given, console);
  const Checkpoint& checkpoint = restored.checkpoint;
  Model& model = *restored.model;
  const DataSettings data = data_settings(restored.options);
  const Dataset dataset = open_data(data.set);
  require(dataset.class_names == checkpoint.class_names, ErrorKind::kData, "eval: ", data.set.path,
          " has ", dataset.class_names.size(), " classes that are not the checkpoint's ",
          checkpoint.class_names.size());

  const std::string split = given.split != "auto"  ? given.split
                            : dataset.test.empty() ? "val"
                                                   : "test";
  const auto& samples = split == "train" ? dataset.train
                        : split == "val" ? dataset.val
                                         : dataset.test;
  if (!same_images(data_digest_of(dataset), checkpoint.data))
    console.line(
        "note: other images, or another split, than the run had: it may have been trained on "
        "some of these");
  require(!samples.empty(), ErrorKind::kData, "eval: ", data.set.path, " has no ", split,
          " images");
  Loader loader(samples, loader_options(data, false));
  std::vector<Judged> judged;
  const auto e = evaluate(
      model, loader,
      [&](int64_t done) {
        console.bar(format("Eval: [%lld/%lld]", static_cast<long long>(done),
                           static_cast<long long>(loader.batches())));
        return true;
      },
      [&](const Batch& batch, const Tensor& logits) { judge(batch, logits, judged); });
  console.clear_bar();
  LoaderWatch({&loader}).say(console);
  const Json out = {{"checkpoint", given.checkpoint},
                    {"data", data.set.path},
                    {"split", split},
                    {"images", e->seen},
                    {"bad_images", loader.bad_images().size()},
                    {"loss", e->loss},
                    {"top1", e->top1},
                    {"top1_se", standard_error(e->top1, e->seen)},
                    {"top5", e->top5},
                    {"mean_class_top1", e->mean_class_top1}};
  const std::string text = json_text(out);
  if (!given.output.empty()) {
    std::error_code error;
    fs::create_directories(given.output, error);
    write_atomically(given.output + "/eval.json", text + "\n");
    write_atomically(given.output + "/per_class.csv", per_class_csv(*e, dataset.class_names));
    write_atomically(given.output + "/confusion.csv", confusion_csv(judged, dataset.class_names));
  }
  if (!given.predictions.empty())
    write_predictions(given.predictions, judged, samples, dataset.class_names);
  if (given.json)
    std::printf("%s\n", text.c_str());
  else
    std::printf(
        "Acc@1 %.4f (s.e. %.1f)  Acc@5 %.4f  loss %.6f  mean per class %.4f  (%lld %s images)\n",
        e->top1, standard_error(e->top1, e->seen), e->top5, e->loss, e->mean_class_top1,
        static_cast<long long>(e->seen), split.c_str());
  return 0;
}

}  // namespace lspt
