// lspt export: a tuned model as one file for others.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/file.h"
#include "models/weights/containers/encode.h"
#include "train/commands/commands.h"
#include "train/machine.h"
#include "train/output/console.h"
#include "train/restore.h"
#include "train/settings/typed.h"
#include "train/settings/words.h"

namespace lspt {
namespace {

using Json = nlohmann::ordered_json;

/// Metadata: what a reader needs beside the tensors to compute the logits.
std::map<std::string, std::string> about(const Checkpoint& run) {
  const ModelConfig& m = run.settings.model;
  const PromptConfig& p = m.method.prompt;
  const Json method = {{"name", m.method.name},
                       {"prompts", p.prompts},
                       {"rank", p.rank},
                       {"new_prompts", word_of(p.new_prompts)},
                       {"carry", word_of(p.carry)},
                       {"gspc", p.gspc},
                       {"mixtures", p.mixtures},
                       {"attn_temp", p.attn_temp},
                       {"lstm_share", p.lstm_share},
                       {"lstm_hidden", p.lstm_hidden},
                       {"lstm_residual", p.lstm_residual},
                       {"mean_in", p.mean_in},
                       {"mean_ln", p.mean_ln},
                       {"mean_cls", p.mean_cls},
                       {"lpc_first", p.lpc_first},
                       {"key_value", p.key_value},
                       {"adapter_scale", m.method.side.adapter_scale},
                       {"adapter_sequential", m.method.side.adapter_sequential},
                       {"adapter_gelu", m.method.side.adapter_gelu},
                       {"head_layers", m.method.head.layers}};
  const Json vit = {{"img_size", m.vit.img_size},   {"patch_size", m.vit.patch_size},
                    {"embed_dim", m.vit.embed_dim}, {"depth", m.vit.depth},
                    {"num_heads", m.vit.num_heads}, {"eps", m.vit.norm_eps}};
  return {{"format", "pt"},
          {"model", model_name(m.vit)},
          {"vit", vit.dump()},
          {"method", method.dump()},
          {"pool", word_of(m.pool)},
          {"fc_norm", m.fc_norm ? "1" : "0"},
          {"normalization", word_of(run.settings.data.loader.normalization)},
          {"classes", Json(run.class_names).dump()}};
}

}  // namespace

int run_export(const Options& o) {
  require_new("", {o.files[1]}, o.overwrite);
  Console console;
  const std::string path = checkpoint_path(o.files[0], "best.safetensors");
  Checkpoint run = load_checkpoint(path);
  Options options = options_from_json(run.settings.result_config, "checkpoint " + path);
  options.dtype = "f32";  // frozen matrices as the backbone's file has them
  options.device = "cpu";
  run.settings = train_settings(options);
  const std::unique_ptr<Model> model = restore(run, o.weights, ErrorKind::kWeights, console);
  std::vector<std::pair<std::string, Tensor>> tensors;
  // timm's name of the norm behind a mean.
  const bool mean = run.settings.model.pool != Pool::token && run.settings.model.fc_norm;
  for (const auto& [name, value] : model->merged())
    tensors.emplace_back(mean && name.starts_with("norm.") ? "fc_" + name : name, value);
  write_weights(o.files[1], tensors, element_of_dtype(o.dtype), about(run));

  const MethodConfig& method = run.settings.model.method;
  const bool plain =
      method.prompt.prompts == 0 && method.side.adapter_dim == 0 && method.head.layers == 1;
  std::printf("%s: %s, %zu tensors written as %s, %zu classes\n", o.files[1].c_str(),
              method.text().c_str(), tensors.size(), o.dtype.c_str(), run.class_names.size());
  const ViTConfig& vit = run.settings.model.vit;
  if (plain)
    std::printf(
        "  timm: VisionTransformer(img_size=%d, patch_size=%d, embed_dim=%d, depth=%d, "
        "num_heads=%d, num_classes=%zu%s) loads it\n",
        vit.img_size, vit.patch_size, vit.embed_dim, vit.depth, vit.num_heads,
        run.class_names.size(),
        run.settings.model.pool == Pool::token ? "" : ", global_pool='avg'");
  else
    std::printf("  holds more than a plain ViT: tests/golden/read_export.py reads it\n");
  return 0;
}

}  // namespace lspt
