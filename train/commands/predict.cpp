// lspt predict
#include <algorithm>
#include <cstdio>

#include "data/images/endings.h"
#include "train/commands/commands.h"
#include "train/commands/restored.h"
#include "train/inputs/inputs.h"
#include "train/inputs/loader_watch.h"
#include "train/output/answers.h"
#include "train/output/meter.h"

namespace lspt {
namespace {

using Json = nlohmann::ordered_json;

using Names = std::vector<std::string>;
using Say = std::function<void(const std::string& path, const std::vector<Answer>& answers)>;

Json answer_json(const std::string& path, const std::vector<Answer>& answers, const Names& names) {
  Json top = Json::array();
  for (const Answer& a : answers)
    top.push_back({{"class", names[a.label]}, {"label", a.label}, {"probability", a.probability}});
  return {{"path", path}, {"top", top}};
}

std::string answer_csv(const std::string& path, const std::vector<Answer>& answers,
                       const Names& names) {
  std::string line = quoted(path);
  for (const Answer& a : answers)
    line += "," + quoted(names[a.label]) + format(",%.6f", a.probability);
  return line;
}

std::string answer_header(size_t answers) {
  std::string line = "path";
  for (size_t i = 1; i <= answers; ++i) line += format(",class_%zu,probability_%zu", i, i);
  return line;
}

void print_answers(const std::string& path, const std::vector<Answer>& answers,
                   const Names& names) {
  std::printf("%s", path.c_str());
  for (const Answer& a : answers) std::printf("\t%s %.4f", names[a.label].c_str(), a.probability);
  std::printf("\n");
}

/// Says the answers for every image that can be read, in order.
void answer(Model& model, Loader& loader, size_t count, Console& console, const Say& say) {
  Meter meter(console, "predict", loader.samples());
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const Tensor logits = to_device(model.forward(batch.images).value, Device::cpu);
    const auto classes = static_cast<size_t>(logits.cols());
    console.clear_bar();  // answers may go to the same terminal
    for (size_t i = 0; i < batch.indices.size(); ++i)
      say(loader.list()[static_cast<size_t>(batch.indices[i])].path,
          best_answers(logits.data<float>() + i * classes, classes, count));
    std::fflush(stdout);
    meter.show(std::min((batch.number + 1) * loader.options().batch_size, loader.samples()));
  }
}

}  // namespace

int run_predict(const Options& given) {
  const std::string& path = given.output;
  if (!path.empty()) {
    require(!given.json, ErrorKind::kUsage,
            "--json: says how answers are printed, and with --output none are; a name that ends "
            "in .jsonl has the same lines");
    check_answer_file("--output", path, given.overwrite);
  }
  Console console;
  std::vector<Sample> images;
  for (const std::string& file : find_images("predict", given.files)) images.push_back({file, 0});
  const Restored restored = restore_for(given, console);
  const Names& names = restored.checkpoint.class_names;
  DataSettings data = restored.checkpoint.settings.data;
  data.validation_batch_size = given.batch_size;
  data.loader.skip_bad = true;
  Loader loader(images, loader_options(data, false, false));
  const size_t count = std::min(static_cast<size_t>(given.topk), names.size());
  if (path.empty()) {
    answer(*restored.model, loader, count, console, [&](const auto& image, const auto& answers) {
      if (given.json)
        std::printf("%s\n", json_text(answer_json(image, answers, names)).c_str());
      else
        print_answers(image, answers, names);
    });
  } else {
    write_atomically(path, [&](FileSink& file) {
      AnswerWriter writer(file, path, answer_header(count));
      answer(*restored.model, loader, count, console, [&](const auto& image, const auto& answers) {
        writer.add(answer_csv(image, answers, names), answer_json(image, answers, names));
      });
      writer.end();
    });
  }
  const size_t bad = loader.bad_images().size();
  if (!path.empty()) std::printf("%s: answers for %zu images\n", path.c_str(), images.size() - bad);
  LoaderWatch({&loader}).say(console);
  require(bad == 0, ErrorKind::kData, "predict: ", bad, " of ", images.size(),
          " images cannot be read; all others are answered");
  return 0;
}

}  // namespace lspt
