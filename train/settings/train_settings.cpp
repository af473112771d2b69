#include "train/settings/train_settings.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "engine/cuda.h"
#include "engine/kernel.h"
#include "train/settings/options.h"
#include "train/settings/typed.h"
#include "train/settings/words.h"

namespace lspt {
namespace {

/// The folder that --cache means; "" if there is to be none, or nowhere to put one.
std::string cache_folder(const std::string& cache) {
  if (cache == "off") return "";
  if (cache != "auto") return cache;
  const char *caches = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::string above = caches && *caches ? caches
                            : home && *home   ? std::string(home) + "/.cache"
                                              : "";
  return above.empty() ? "" : (std::filesystem::path(above) / "lspt" / "images").string();
}

/// "q,v" as a set; qkv is three of them.
unsigned projections_of(const std::string& list) {
  unsigned set = 0;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    const auto* const at = std::find(std::begin(kProjections), std::end(kProjections), word);
    require(word == "qkv" || at != std::end(kProjections), ErrorKind::kUsage, "--lora-targets: '",
            word, "' is none of q, k, v, qkv, proj, fc1, fc2");
    set |= word == "qkv" ? 7u : 1u << (at - std::begin(kProjections));
  }
  require(set != 0, ErrorKind::kUsage, "--lora-targets: names no projection");
  return set;
}

ModelConfig model_config(const Options& o) {
  ModelConfig config;
  config.vit = vit_config(o.model, static_cast<int>(o.img_size));
  MethodConfig& method = config.method = method_config(o.method, static_cast<int>(o.prompts));
  if (method.trained == Trained::last) method.last_blocks = static_cast<int>(o.partial);
  require(method.last_blocks <= config.vit.depth, ErrorKind::kUsage, "--partial ", o.partial,
          ": the model has ", config.vit.depth, " blocks");
  if (method.head.layers > 1)
    method.head = {static_cast<int>(o.mlp_layers), static_cast<int>(o.mlp_hidden)};
  SideConfig& side = method.side;
  if (side.adapter_dim > 0) {
    side.adapter_dim = static_cast<int>(o.adapter_dim);
    side.adapter_scale = static_cast<float>(o.adapter_scale);
    side.adapter_sequential = o.adapter_form == "sequential";
    side.adapter_gelu = o.adapter_act == "gelu";
    side.adapter_at = o.adapter_at == "both" ? 3u : o.adapter_at == "attn" ? 1u : 2u;
  }
  if (side.lora_rank > 0) {
    side.lora_rank = static_cast<int>(o.lora_rank);
    side.lora_alpha = static_cast<float>(o.lora_alpha);
    side.lora_targets = projections_of(o.lora_targets);
  }
  PromptConfig& p = method.prompt;
  p.new_prompts = value_of(o.new_prompts, NewPrompts::first);
  p.carry = value_of(o.carry, Carry::none);
  p.gspc = o.gspc == "1";
  p.mixtures = o.patch_pool == "linear";
  p.dropout = static_cast<float>(o.prompt_dropout);
  p.rank = static_cast<int>(o.prompt_rank);
  p.key_value = o.prompt_location == "key-value";
  p.attn_temp = o.attn_temp == "1";
  p.gate_init = static_cast<float>(o.gate_init);
  p.lstm_share = o.lstm_share;
  p.lstm_hidden = static_cast<int>(o.lstm_hidden);
  p.lstm_residual = o.lstm_out == "residual";
  p.mean_in = o.mean_src == "in";
  p.mean_ln = o.mean_norm == "ln";
  p.mean_cls = o.mean_scope == "patches+cls";
  p.mean_detach = o.mean_detach;
  p.forget_bias = static_cast<float>(o.forget_bias);
  p.lstm_lr_mult = static_cast<float>(o.lstm_lr_mult);
  p.lpc_first = o.coding_order == "lpc-then-gspc";
  config.pool = value_of(o.pool, Pool::token);
  config.fc_norm = o.fc_norm != "0";  // checkpoints from before the flag have "auto": norm of mean
  config.head_lr_mult = static_cast<float>(o.head_lr_mult);
  config.head_init = value_of(o.init_head, HeadInit::zero);
  config.dtype = o.dtype == "bf16" ? DType::bf16 : DType::f32;
  config.device = device_of(o);
  config.seed = static_cast<uint64_t>(o.seed);
  return config;
}

}  // namespace

Device device_of(const Options& o) {
  if (o.device == "cpu") return Device::cpu;
  std::string why = "this build of lspt computes on the CPU only";
  if constexpr (kHasCuda) {
    why = cuda::unusable();
    if (why.empty() && o.dtype.find("bf16") != std::string::npos && cuda::compute_capability() < 80)
      why = cuda::describe() + ": bf16 needs sm_80 or newer; --dtype f32 does not";
    if (why.empty()) return Device::cuda;
  }
  require(o.device != "cuda", ErrorKind::kUsage, "--device cuda: ", why,
          "\nUse --device cpu, or auto to take a GPU only if there is one");
  return Device::cpu;
}

MachineSettings machine_settings(const Options& o) {
  return {device_of(o), o.tf32, static_cast<int>(o.threads),
          value_of(o.cuda_graph, CudaGraph::automatic)};
}

DatasetOptions dataset_options(const Options& o) {
  require(!o.data.empty(), ErrorKind::kUsage, "--data: no data set given");
  return {o.data,
          o.dataset,
          o.train_list,
          o.val_list,
          o.test_list,
          o.val_fraction,
          static_cast<uint64_t>(o.split_seed),
          false,
          o.label_column,
          o.class_depth};
}

DataSettings data_settings(const Options& o) {
  DataSettings out{.validation_batch_size = o.validation_batch_size,
                   .validation_batch_given = o.has("validation-batch-size"),
                   .cache = cache_folder(o.cache)};
  if (!o.data.empty()) out.set = dataset_options(o);
  LoaderOptions& loader = out.loader;
  loader.batch_size = o.batch_size;
  loader.img_size = static_cast<int>(o.img_size);
  loader.train = true;
  loader.augment = !o.no_aug;
  loader.normalization = o.normalization == "half" ? kHalf : kImageNet;
  loader.transform = value_of(o.transform, Transform::fgvc);
  loader.interpolation = value_of(o.interpolation, Interpolation::bilinear);
  loader.crop_rule = value_of(o.crop_rule, CropRule::torchvision_0_9);
  loader.skip_bad = o.bad_images == "skip";
  loader.seed = static_cast<uint64_t>(o.seed);
  loader.workers = static_cast<int>(o.workers);
  loader.device = device_of(o);
  return out;
}

WeightsSettings weights_settings(const Options& o) {
  WeightsSettings out{.path = o.weights, .vpt_norm = o.mae_norm == "vpt"};
  out.family = o.family == "auto" ? family_of_model(o.model) : family_of(o.family);
  if (o.pos_interpolation != "auto") out.resample = resample_of(o.pos_interpolation);
  return out;
}

TrainSettings train_settings(const Options& o) {
  const PromptInit prompts = value_of(o.prompt_init, PromptInit::file);
  const std::set<std::string> words = {"auto", "zero", "vpt", "fit"};
  TrainSettings out{
      .recipe = o.recipe,
      .data = data_settings(o),
      .weights = weights_settings(o),
      .model_name = o.model,
      .model = model_config(o),
      .head_from = words.contains(o.init_head) ? "" : o.init_head,
      .fits_head = o.init_head == "fit",
      .prompt_init = prompts,
      .prompts_from = prompts == PromptInit::file ? o.prompt_init : "",
      .label_smoothing = o.label_smoothing,
      .choose = value_of(o.choose, Choose::one_se),
      .patience = o.patience,
      .machine = machine_settings(o),
      .output = {o.output, o.log_interval, o.log_json, o.tensorboard, o.save_interval},
      .config = to_json(o, false),
      .result_config = to_json(o, true)};
  out.optimizer.kind = value_of(o.opt, OptimizerKind::sgd);
  out.optimizer.momentum = static_cast<float>(o.momentum);
  out.optimizer.weight_decay = static_cast<float>(o.weight_decay);
  out.optimizer.clip_grad = static_cast<float>(o.clip_grad);
  out.schedule = {.lr = o.lr,
                  .min_lr = o.min_lr,
                  .epochs = o.epochs,
                  .warmup_epochs = o.warmup_epochs,
                  .per_epoch = o.sched == "epoch"};
  return out;
}

TrainSettings train_settings_from(const std::string& config, const std::string& source,
                                  ErrorKind kind) {
  return train_settings(options_from_json(config, source, false, kind));
}

std::vector<Difference> differences(const TrainSettings& one, const TrainSettings& other,
                                    const std::vector<std::string>& names) {
  const Options a = options_from_json(one.result_config, "settings"),
                b = options_from_json(other.result_config, "settings");
  std::vector<Difference> out;
  for (const std::string& name : names) {
    const Flag& flag = *find_flag(name, kTrain);
    const std::string mine = text_of(a, flag), theirs = text_of(b, flag);
    if (mine != theirs) out.push_back({name, mine, theirs});
  }
  return out;
}

}  // namespace lspt
