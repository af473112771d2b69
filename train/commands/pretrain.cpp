// lspt pretrain
#include "train/commands/pretrain.h"

#include <cstdio>
#include <filesystem>

#include "engine/file.h"
#include "train/commands/commands.h"
#include "train/inputs/data_digest.h"
#include "train/inputs/inputs.h"
#include "train/machine.h"
#include "train/pretrain/pretrainer.h"
#include "train/pretrain/probe.h"
#include "train/settings/typed.h"
#include "train/signals.h"

namespace lspt {
namespace {

namespace fs = std::filesystem;

/// Fills what depends on other settings and was not given.
void resolve_pretrain(Options& o) {
  require(!o.has("lr") || !o.has("lr-base"), ErrorKind::kUsage,
          "--lr-base: contradicts --lr; give one of them");
  settle_sizes(o);
  resolve_decoder(o);
  if (!o.has("lr")) o.lr = o.lr_base * static_cast<double>(o.batch_size) / 256;
  if (!o.has("warmup-epochs"))
    o.warmup_epochs = std::clamp<int64_t>(o.epochs / 20, std::min<int64_t>(o.epochs - 1, 1), 40);
}

/// The one place where flags become the run's settings. `images`: how many there are.
PretrainSettings settings_of(const Options& o, int64_t images) {
  PretrainSettings s;
  s.data = dataset_options(o);
  s.model = mae_config(o);
  s.epochs = o.epochs;
  s.warmup_epochs = o.warmup_epochs;
  s.lr = o.lr;
  s.min_lr = o.min_lr;
  s.weight_decay = o.weight_decay;
  s.clip_grad = o.clip_grad;
  s.capture = capture_of(machine_settings(o), std::min(o.batch_size, images));
  s.save_interval = o.save_interval;
  s.log_interval = o.log_interval;
  s.picture_interval = o.picture_interval;
  s.probe_interval = o.probe_interval;
  s.output = o.output;
  s.config = to_json(o, true, kPretrain);
  DataSettings data = data_settings(o);
  data.loader.normalization = kImageNet;  // MAE's, as its family says of the weights
  data.validation_batch_size = o.batch_size;
  data.loader.transform = Transform::mae;
  data.loader.interpolation = Interpolation::bicubic;
  s.images = loader_options(data, true);
  data.loader.transform = Transform::fgvc;
  data.loader.interpolation = Interpolation::bilinear;
  s.looks = loader_options(data, false);
  return s;
}

/// The settings of the run that goes on, with what the command line may change.
Options resumed(Options given, const PretrainState& state, const std::string& path) {
  Options out =
      options_from_json(state.config, "checkpoint " + path, false, ErrorKind::kWeights, kPretrain);
  if (given.has("model")) settle_sizes(given);
  std::string differences;
  for (const Flag& flag : flags()) {
    if (!(flag.commands & kPretrain)) continue;
    const bool free = flag.name == "data" || flag.name == "epochs", fixed = flag.result && !free;
    if (fixed && given.has(flag.name) && text_of(given, flag) != text_of(out, flag))
      differences += "\n  --" + flag.name + ": checkpoint " + text_of(out, flag) +
                     ", command line " + text_of(given, flag);
    if (!flag.result || (free && given.has(flag.name)))
      std::visit([&](auto member) { out.*member = given.*member; }, flag.field);
  }
  require(differences.empty(), ErrorKind::kUsage, "--resume ", given.resume,
          ": these settings cannot change in the middle of a run", differences,
          "\nLeave them out, or start a new run with another --output");
  if (out.output.empty()) {
    const fs::path parent = fs::path(path).parent_path();
    out.output = parent.empty() ? "." : parent.string();
  }
  return out;
}

void say_pretrain(Console& console, const PretrainSettings& s, const std::string& device, Mae& mae,
                  const Dataset& data) {
  const MaeConfig& m = s.model;
  int64_t count = 0;
  for (const Parameter* parameter : mae.trainable()) count += parameter->var.value.numel();
  console.line("model: MAE of " + m.vit.name + format(" at %d px, ", m.vit.img_size) +
               name_of(m.dtype) + " on " + device + format(" + loader %d", s.images.workers));
  console.line(
      format("decoder: %d wide, %d blocks, %d heads; the encoder sees %lld of %d patches; ",
             m.decoder_dim, m.decoder_depth, m.decoder_heads, static_cast<long long>(m.visible()),
             m.vit.num_patches()) +
      grouped(count) + " parameters");
  console.line("data: " + s.data.path + " (" + data.layout + "), " +
               grouped(static_cast<int64_t>(data.train.size())) + " images");
  if (!data.note.empty()) console.line("  note: " + data.note);
  console.line(
      format("recipe: adamw (0.9, 0.95), lr %g, weight decay %g, %lld epochs (%lld "
             "warm-up), batch %lld",
             s.lr, s.weight_decay, static_cast<long long>(s.epochs),
             static_cast<long long>(s.warmup_epochs), static_cast<long long>(s.images.batch_size)));
}

}  // namespace

void settle_sizes(Options& o) {
  ViTConfig vit = vit_config(o.model);
  if (o.img_size > 0) vit.img_size = static_cast<int>(o.img_size);
  const auto take = [](int& to, int64_t given) {
    if (given > 0) to = static_cast<int>(given);
  };
  take(vit.embed_dim, o.embed_dim);
  take(vit.depth, o.depth);
  take(vit.patch_size, o.patch_size);
  if (o.num_heads == 0 && o.embed_dim > 0) vit.num_heads = std::max(vit.embed_dim / 64, 1);
  take(vit.num_heads, o.num_heads);
  o.model = model_name(vit);
  o.img_size = vit.img_size;
  o.embed_dim = vit.embed_dim;
  o.depth = vit.depth;
  o.num_heads = vit.num_heads;
  o.patch_size = vit.patch_size;
}

void resolve_decoder(Options& o) {
  MaeConfig model;
  model.vit = vit_config(o.model, static_cast<int>(o.img_size));
  scale_decoder(model);
  if (o.decoder_dim == 0) o.decoder_dim = model.decoder_dim;
  if (o.decoder_depth == 0) o.decoder_depth = model.decoder_depth;
  if (o.decoder_heads == 0) o.decoder_heads = std::max<int64_t>(o.decoder_dim / 32, 1);
}

MaeConfig mae_config(const Options& o) {
  MaeConfig config;
  config.vit = vit_config(o.model, static_cast<int>(o.img_size));
  config.decoder_dim = static_cast<int>(o.decoder_dim);
  config.decoder_depth = static_cast<int>(o.decoder_depth);
  config.decoder_heads = static_cast<int>(o.decoder_heads);
  config.mask_ratio = o.mask_ratio;
  config.norm_pix = o.norm_pix;
  config.dtype = o.dtype == "bf16" ? DType::bf16 : DType::f32;
  config.device = device_of(o);
  config.seed = static_cast<uint64_t>(o.seed);
  return config;
}

int run_pretrain(Options o) {
  const bool resuming = o.has("resume");
  PretrainState state;
  std::string from;
  if (resuming) {
    require(!o.overwrite, ErrorKind::kUsage, "--overwrite: contradicts --resume");
    from = checkpoint_path(o.resume, "last.safetensors");
    require(fs::exists(from), ErrorKind::kUsage, "--resume ", o.resume, ": ", from,
            " does not exist");
    state = load_pretrain_state(from);
    o = resumed(o, state, from);
  } else {
    require(!o.data.empty(), ErrorKind::kUsage, "--data: no data set given");
    resolve_pretrain(o);
    if (o.output.empty()) o.output = "runs/mae-" + o.model;
  }
  set_up_machine(machine_settings(o));
  DatasetOptions data_options = dataset_options(o);
  data_options.unlabelled = true;
  data_options.val_fraction = 0;
  Dataset data = open_dataset(data_options);
  const PretrainSettings settings = settings_of(o, static_cast<int64_t>(data.train.size()));
  const std::string digest = data_digest_of(data).sha256();
  if (!resuming) state.data_sha256 = digest;
  state.model_name = settings.model.vit.name;
  state.config = settings.config;
  require(state.data_sha256 == digest, ErrorKind::kUsage, "--resume ", from, ": --data ", o.data,
          " holds other images than the run began with");
  require(o.probe_interval == 0 || can_probe(data), ErrorKind::kUsage, "--probe-interval: ", o.data,
          " (", data.layout,
          ") has no labels to tell apart, or no validation and test images to judge on");
  const bool in_place = resuming && fs::exists(o.output) &&
                        fs::equivalent(o.output, fs::absolute(from).parent_path());
  const RunFolder folder(o.output, in_place      ? FolderMode::resume
                                   : o.overwrite ? FolderMode::overwrite
                                                 : FolderMode::fresh);
  Console console;
  Mae model(settings.model, state.model);
  console.open_log(folder.file("log.txt"));
  write_atomically(folder.file("config.json"), to_json(o, false, kPretrain) + "\n");
  say_pretrain(console, settings, device_text(settings.model.device), model, data);
  Pretrainer trainer(settings, state, model, data, folder, console);
  catch_signals();
  if (const int signal = trainer.run(); signal != 0) return 128 + signal;
  console.line("pre-trained; lspt train --weights " + folder.file("encoder.safetensors") +
               " --model " + settings.model.vit.name + " tunes prompts on it");
  return 0;
}

}  // namespace lspt
