// lspt info, lspt convert, lspt synth
#include <cstdio>

#include "data/synth.h"
#include "engine/file.h"
#include "engine/text.h"
#include "models/weights/containers/encode.h"
#include "models/weights/describe.h"
#include "train/checkpoint.h"
#include "train/commands/commands.h"
#include "train/output/console.h"
#include "train/output/json_text.h"

namespace lspt {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const FileDescription& d) {
  Json out = {{"path", d.path},
              {"format", d.format},
              {"bytes", d.bytes},
              {"recognised", d.recognised},
              {"family", d.recognised ? key_of(d.family) : ""},
              {"normalization", d.normalization},
              {"model", d.vit.name},
              {"published", d.published},
              {"parameters", d.parameters},
              {"dtypes", d.dtypes},
              {"lspt_checkpoint", d.lspt_checkpoint},
              {"unused", d.unused},
              {"notes", d.notes},
              {"metadata", d.metadata},
              {"tensors", Json::array()}};
  for (const auto& tensor : d.tensors)
    out["tensors"].push_back(
        {{"name", tensor.name}, {"dtype", tensor.dtype}, {"shape", tensor.shape.to_string()}});
  return out;
}

void print_checkpoint(const std::string& path) {
  const Checkpoint c = load_checkpoint(path);
  const Progress& p = c.progress;
  std::printf("lspt checkpoint: content has the hash it was saved with\n");
  std::printf("  epochs done  %lld, steps in the next %lld, updates %lld\n",
              static_cast<long long>(p.epoch), static_cast<long long>(p.step),
              static_cast<long long>(p.updates));
  std::printf("  best Acc@1   %.4f (epoch %lld)\n", p.chosen_top1,
              static_cast<long long>(p.chosen_epoch));
  std::printf("  backbone     %s\n",
              c.backbone.path.empty()
                  ? "none: random values by the seed, or all of it in this file"
                  : (c.backbone.path + ", sha256 " + c.backbone.sha256).c_str());
  std::printf("  classes      %zu: %s ... %s\n", c.class_names.size(),
              printable(c.class_names.front()).c_str(), printable(c.class_names.back()).c_str());
  std::printf("  settings     %s\n", c.settings.result_config.c_str());
}

}  // namespace

int run_info(const Options& o) {
  const FileDescription d = describe(checkpoint_path(o.files[0], "best.safetensors"));
  if (o.json) {
    std::printf("%s\n", json_text(json_of(d)).c_str());
    return 0;
  }
  std::printf("%s: %s, %s bytes%s\n", d.path.c_str(), d.format.c_str(),
              grouped(static_cast<int64_t>(d.bytes)).c_str(),
              d.wrapper.empty() ? "" : printable(", tensors under '" + d.wrapper + "'").c_str());
  if (d.recognised)
    std::printf("  family       %s\n  pixels       normalized as '%s'\n  backbone     %s%s\n",
                name_of(d.family), d.normalization.c_str(), d.vit.text().c_str(),
                d.vit.name.empty() ? "" : (": --model " + d.vit.name).c_str());
  if (!d.published.empty()) std::printf("  published as %s\n", d.published.c_str());
  std::printf("  parameters   %s in %zu tensors (%s)\n", grouped(d.parameters).c_str(),
              d.tensors.size(), d.dtypes.c_str());
  if (d.lspt_checkpoint) print_checkpoint(d.path);
  for (const std::string& note : d.notes) std::printf("  note: %s\n", printable(note).c_str());
  if (!d.recognised && !d.lspt_checkpoint) std::printf("  not a backbone that lspt can use\n");
  for (const auto& tensor : d.tensors)
    std::printf("  %-6s %-22s %s\n", tensor.dtype.c_str(), tensor.shape.to_string().c_str(),
                printable(tensor.name).c_str());
  return 0;
}

int run_convert(const Options& o) {
  require_new("", {o.files[1]}, o.overwrite);
  const Conversion done =
      convert(o.files[0], o.files[1], element_of_dtype(o.dtype), weights_settings(o).family);
  std::printf("%s: %s, %zu tensors written as %s, %zu left out\n", o.files[1].c_str(),
              name_of(done.family), done.written.size(), o.dtype.c_str(), done.unused.size());
  for (const std::string& note : done.notes) std::printf("  note: %s\n", printable(note).c_str());
  return 0;
}

int run_synth(const Options& o) {
  require(!o.output.empty(), ErrorKind::kUsage, "--output: no folder given");
  SynthOptions options;
  options.output = o.output;
  options.classes = static_cast<int>(o.classes);
  options.train_per_class = static_cast<int>(o.train_per_class);
  options.test_per_class = static_cast<int>(o.test_per_class);
  options.size = static_cast<int>(o.size);
  options.seed = static_cast<uint64_t>(o.seed);
  Console console;
  synth(options, [&](int64_t done, int64_t total) {
    console.bar(
        format("drawing %lld/%lld", static_cast<long long>(done), static_cast<long long>(total)));
  });
  console.clear_bar();
  std::printf("%s: %lld classes, %lld training and %lld test images\n", o.output.c_str(),
              static_cast<long long>(o.classes),
              static_cast<long long>(o.classes * o.train_per_class),
              static_cast<long long>(o.classes * o.test_per_class));
  return 0;
}

}  // namespace lspt
