// lspt eval and lspt predict
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "data/endings.h"
#include "engine/file.h"
#include "train/choice.h"
#include "train/commands.h"
#include "train/json_text.h"
#include "train/metrics.h"
#include "train/restore.h"

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

/// Folders are searched for files with an image's name; files are taken whatever they are called.
std::vector<Sample> find_images(const std::vector<std::string>& given) {
  std::vector<Sample> out;
  for (const std::string& path : given) {
    require(fs::exists(path), ErrorKind::kData, "predict ", path, ": not found");
    if (!fs::is_directory(path)) {
      out.push_back({path, 0});
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && looks_like_image(entry.path()))
        found.push_back(entry.path().string());
    }
    require(!found.empty(), ErrorKind::kData, "predict ", path,
            ": no file in this folder ends with one of ", image_endings());
    std::sort(found.begin(), found.end());
    for (const std::string& file : found) out.push_back({file, 0});
  }
  return out;
}

struct Answer {
  size_t label;
  double probability;
};

std::vector<Answer> best_answers(const float* logits, size_t classes, size_t count) {
  const float largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (size_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k] - largest));
  std::vector<size_t> order(classes);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  std::vector<Answer> answers;
  for (size_t i = 0; i < std::min(count, classes); ++i)
    answers.push_back({order[i], std::exp(static_cast<double>(logits[order[i]] - largest)) / sum});
  return answers;
}

void print_answers(const std::string& path, const std::vector<Answer>& answers,
                   const std::vector<std::string>& names, bool json) {
  if (json) {
    Json top = Json::array();
    for (const Answer& a : answers)
      top.push_back(
          {{"class", names[a.label]}, {"label", a.label}, {"probability", a.probability}});
    const Json out = {{"path", path}, {"top", top}};
    std::printf("%s\n", json_text(out).c_str());
    return;
  }
  std::printf("%s", path.c_str());
  for (const Answer& a : answers) std::printf("\t%s %.4f", names[a.label].c_str(), a.probability);
  std::printf("\n");
}

}  // namespace

int run_eval(const Options& given) {
  if (!given.output.empty())
    require_new(given.output, {"eval.json", "per_class.csv"}, given.overwrite);
  Console console;
  const Restored restored = restore_for(given, console);
  const Checkpoint& checkpoint = restored.checkpoint;
  Model& model = *restored.model;
  Options o = with_data(checkpoint.options, given);
  if (given.has("validation-batch-size")) o.validation_batch_size = given.validation_batch_size;
  if (given.has("bad-images")) o.bad_images = given.bad_images;
  const Dataset dataset = open_data(o);
  require(dataset.class_names == checkpoint.class_names, ErrorKind::kData, "eval: ", o.data,
          " has ", dataset.class_names.size(), " classes that are not the checkpoint's ",
          checkpoint.class_names.size());

  const std::string split = given.split != "auto"  ? given.split
                            : dataset.test.empty() ? "val"
                                                   : "test";
  const auto& samples = split == "train" ? dataset.train
                        : split == "val" ? dataset.val
                                         : dataset.test;
  if (data_digest_of(dataset) != checkpoint.data_digest)
    console.line(
        "note: other images, or another split, than the run had: it may have been trained on "
        "some of these");
  require(!samples.empty(), ErrorKind::kData, "eval: ", o.data, " has no ", split, " images");
  Loader loader(samples, loader_options(o, false));
  const auto e = evaluate(model, loader, [&](int64_t done) {
    console.bar(format("Eval: [%lld/%lld]", static_cast<long long>(done),
                       static_cast<long long>(loader.batches())));
    return true;
  });
  console.clear_bar();
  LoaderWatch({&loader}).say(console);
  const Json out = {{"checkpoint", given.checkpoint},
                    {"data", o.data},
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
  }
  if (given.json)
    std::printf("%s\n", text.c_str());
  else
    std::printf(
        "Acc@1 %.4f (s.e. %.1f)  Acc@5 %.4f  loss %.6f  mean per class %.4f  (%lld %s images)\n",
        e->top1, standard_error(e->top1, e->seen), e->top5, e->loss, e->mean_class_top1,
        static_cast<long long>(e->seen), split.c_str());
  return 0;
}

int run_predict(const Options& given) {
  Console console;
  const std::vector<Sample> images = find_images(given.files);
  const Restored restored = restore_for(given, console);
  const Checkpoint& checkpoint = restored.checkpoint;
  Model& model = *restored.model;
  Options o = checkpoint.options;
  o.validation_batch_size = given.batch_size;
  o.bad_images = "error";
  Loader loader(images, loader_options(o, false, false));
  loader.start(0);
  Batch batch;
  while (loader.next(batch)) {
    const Tensor logits = to_device(model.forward(batch.images).value, Device::cpu);
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      const size_t classes = checkpoint.class_names.size();
      print_answers(images[static_cast<size_t>(batch.indices[i])].path,
                    best_answers(logits.data<float>() + i * classes, classes,
                                 static_cast<size_t>(given.topk)),
                    checkpoint.class_names, given.json);
    }
  }
  return 0;
}

}  // namespace lspt
