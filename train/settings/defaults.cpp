#include "train/settings/defaults.h"

#include <set>

#include "engine/notice.h"
#include "models/weights/describe.h"
#include "train/output/console.h"
#include "train/settings/typed.h"
#include "train/settings/words.h"

namespace lspt {
namespace {

/// What a method is trained with that nobody said otherwise about. These are not the published
/// settings (train/recipes has those): SGD's rates of VPT and GaPT were found for the features of
/// one backbone and one initial head, and on another end near chance. A head of zeros starts at ln
/// K whatever the features are, and AdamW's steps do not depend on the size of gradients: the
/// optimum is flat within a factor of 3 (README, Settings). `full` moves the
/// backbone little and its head a hundred times as much: layer scale that is folded into a matrix
/// has made it small.
constexpr int64_t kEpochs = 30, kWarmupEpochs = 2, kBatchSize = 32;
constexpr double kScratchLr = 1e-3, kHeadLr = 1e-3;
struct MethodSettings {
  const char* method;
  const char* opt;
  double lr, weight_decay;
  int64_t prompts;
  double prompt_dropout;
  /// With --opt sgd. Without prompts, but for linear: nobody's. VPT: 1.0 * 64 / 256, linear 2.5 *
  /// 64 / 256 (Jia et al. 2022, base-*.yaml and demo.ipynb); GaPT: 0.1, with MoCo v3 1.0 (Yoo et
  /// al. 2023, Table 5); LSPT follows GaPT
  /// (*inferred*: the comparison in the paper is GaPT's).
  double sgd_lr, sgd_lr_moco, sgd_weight_decay;
};
constexpr MethodSettings kSettings[] = {
    {"linear", "lbfgs", 0, 0, 0, 0, 0.625, 0.625, 1e-4},
    {"mlp", "adamw", 1e-3, 0.05, 0, 0, 0.1, 0.1, 1e-4},
    {"partial", "adamw", 1e-4, 0.01, 0, 0, 0.01, 0.01, 1e-4},
    {"bias", "adamw", 1e-3, 0, 0, 0, 0.1, 0.1, 0},
    {"adapter", "adamw", 1e-3, 0.05, 0, 0, 0.1, 0.1, 1e-4},
    {"lora", "adamw", 1e-3, 0.05, 0, 0, 0.1, 0.1, 0},
    {"full", "adamw", 1e-5, 0.01, 0, 0, 0.01, 0.01, 1e-4},
    {"vpt-shallow", "adamw", 3e-3, 0.05, 10, 0, 0.25, 0.25, 0.001},
    {"vpt-deep", "adamw", 3e-3, 0.05, 10, 0.1, 0.25, 0.25, 0.001},
    {"gapt", "adamw", 3e-3, 0.05, 10, 0.1, 0.1, 1.0, 0},
    {"gspc", "adamw", 3e-3, 0.05, 10, 0.1, 0.1, 1.0, 0},
    {"lpc", "adamw", 3e-3, 0.05, 10, 0.1, 0.1, 1.0, 0},
    {"lspt", "adamw", 3e-3, 0.05, 10, 0.1, 0.1, 1.0, 0},
};

const MethodSettings& settings_of(const std::string& method) {
  for (const MethodSettings& settings : kSettings)
    if (method == settings.method) return settings;
  const std::string near = nearest(method, method_names());
  fail(ErrorKind::kUsage, "--method: '", method, "' is unknown",
       near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

std::string needs_of(const Options& o, const std::string& flag) {
  const bool prompts = settings_of(o.method).prompts > 0;
  const MethodConfig method = method_config(o.method, 1);
  const bool lstm = prompts && o.carry == "lstm";
  const bool mean = prompts && o.gspc == "1" && o.carry != "none";
  const struct {
    bool used;
    const char* needs;
    std::set<std::string> flags;
  } rules[] = {
      {prompts,
       "a method with prompts",
       {"prompts", "prompt-dropout", "prompt-rank", "prompt-init", "new-prompts", "carry", "gspc",
        "attn-temp"}},
      {prompts && o.carry == "none", "--carry none", {"prompt-location"}},
      {lstm,
       "--carry lstm",
       {"lstm-share", "lstm-hidden", "lstm-out", "lstm-lr-mult", "forget-bias"}},
      {mean,
       "--gspc 1 and a --carry",
       {"mean-src", "mean-norm", "mean-scope", "mean-detach", "patch-pool"}},
      {lstm && mean, "--carry lstm and --gspc 1", {"coding-order"}},
      {prompts && o.carry == "gate", "--carry gate", {"gate-init"}},
      {method.trained == Trained::last, "--method partial", {"partial"}},
      {method.head.layers > 1, "--method mlp", {"mlp-layers", "mlp-hidden"}},
      {method.side.adapter_dim > 0,
       "--method adapter",
       {"adapter-dim", "adapter-scale", "adapter-form", "adapter-act", "adapter-at"}},
      {method.side.lora_rank > 0, "--method lora", {"lora-rank", "lora-alpha", "lora-targets"}},
      {o.opt == "sgd", "--opt sgd", {"momentum"}},
      {o.opt != "lbfgs",
       "--opt sgd or adamw",
       {"lr", "lr-base", "min-lr", "head-lr-mult", "warmup-epochs", "sched", "clip-grad"}},
  };
  for (const auto& rule : rules)
    if (!rule.used && rule.flags.contains(flag)) return rule.needs;
  return "";
}

void settle_model(Options& o) {
  if (o.has("model") || o.weights.empty()) return;
  const WeightFile file = WeightFile::open(o.weights);
  const NameMap map = map_names(file, weights_settings(o).family);
  const ViTGuess found = guess_vit(shapes_of(map));
  const auto told = file.metadata().find("model");  // of a run of ours
  require(told != file.metadata().end() || !found.name.empty(), ErrorKind::kWeights, "load ",
          o.weights, ": the file is a ", found.text(),
          "; how many heads that has is not in the file: --model "
          "vit_{WIDTH}x{BLOCKS}x{HEADS}_patch{PATCH}_{SIZE} says it");
  o.model = told != file.metadata().end() ? told->second : found.name;
  // DINOv2's positions are of its last, short phase at 518 pixels.
  constexpr int kDinov2Size = 518, kEvaluated = 224;
  if (map.family == Family::dinov2 && o.img_size == 0 &&
      vit_config(o.model).img_size == kDinov2Size) {
    o.img_size = kEvaluated;
    notice(format("%s at %d px, as DINOv2's authors evaluate it; --img-size %d is its own size",
                  o.model.c_str(), kEvaluated, kDinov2Size));
  }
}

void resolve(Options& o, const std::optional<WeightsHint>& weights) {
  const MethodSettings& settings = settings_of(o.method);
  const MethodConfig base = method_config(o.method, 1);
  const PromptConfig& method = base.prompt;
  const bool moco = weights && weights->family == Family::moco_v3;
  const auto fill = [&](const char* flag, auto& field, const auto& value) {
    if (!o.has(flag)) field = value;
  };
  if (o.img_size == 0) o.img_size = vit_config(o.model).img_size;
  fill("prompts", o.prompts, settings.prompts);
  fill("prompt-dropout", o.prompt_dropout, settings.prompt_dropout);
  fill("opt", o.opt, settings.opt);
  const bool sgd = o.opt == "sgd", lbfgs = o.opt == "lbfgs";
  require(!lbfgs || base.linear(), ErrorKind::kUsage, "--opt lbfgs: fits a linear head; --method ",
          o.method, " trains more");
  fill("epochs", o.epochs, kEpochs);
  // Nothing is random: a second look at an image shows nothing new.
  if (lbfgs && (o.no_aug || o.transform == "vtab")) o.epochs = 1;
  fill("warmup-epochs", o.warmup_epochs, lbfgs ? 0 : std::min(kWarmupEpochs, (o.epochs + 4) / 10));
  fill("batch-size", o.batch_size, kBatchSize);
  fill("validation-batch-size", o.validation_batch_size, o.batch_size);
  require(!o.has("lr") || !o.has("lr-base"), ErrorKind::kUsage,
          "--lr-base: contradicts --lr; give one of them");
  if (o.has("lr-base")) o.lr = o.lr_base * static_cast<double>(o.batch_size) / 256;
  const double sgd_lr = moco ? settings.sgd_lr_moco : settings.sgd_lr;
  // A backbone that is pretrained moves a little, from random values a lot.
  const bool pretrained = weights || !o.weights.empty(), tuned = base.full() && pretrained;
  // MAE's means differ little from image to image: from zero a head takes long to tell them apart.
  const bool mae =
      weights && (weights->family == Family::mae || weights->family == Family::hf_vit_mae);
  if (o.init_head == "auto")
    o.init_head = base.full() && !tuned                    ? "vpt"
                  : mae && !lbfgs && base.head.layers == 1 ? "fit"
                                                           : "zero";
  require(base.head.layers == 1 || o.init_head == "zero" || o.init_head == "vpt", ErrorKind::kUsage,
          "--init-head ", o.init_head, ": is for a head of one layer; --method ", o.method,
          " has more");
  const double adamw_lr = base.full() && !tuned ? kScratchLr : settings.lr;
  if (!o.has("lr-base")) fill("lr", o.lr, sgd ? sgd_lr : lbfgs ? 0 : adamw_lr);
  // Matrices of a pretrained backbone move little, a head from zero as much as elsewhere.
  const bool slow = pretrained && o.opt == "adamw" && settings.lr > 0 && settings.lr < kHeadLr;
  fill("head-lr-mult", o.head_lr_mult, slow ? kHeadLr / settings.lr : 1.0);
  fill("weight-decay", o.weight_decay,
       sgd     ? settings.sgd_weight_decay
       : lbfgs ? 0
               : settings.weight_decay);

  // AdaptFormer's scale; a bottleneck behind the branch has none.
  fill("adapter-scale", o.adapter_scale, o.adapter_form == "sequential" ? 1.0 : 0.1);
  const bool prompts = settings.prompts > 0;
  fill("new-prompts", o.new_prompts, word_of(method.new_prompts));
  fill("carry", o.carry, prompts ? word_of(method.carry) : "none");
  fill("gspc", o.gspc, prompts && method.gspc ? "1" : "0");
  fill("attn-temp", o.attn_temp, prompts && method.attn_temp ? "1" : "0");
  // A switch without effect is a mistake, not a wish.
  for (const std::string& flag : o.given)
    if (const std::string needs = needs_of(o, flag); !needs.empty() && o.asked(flag))
      fail(ErrorKind::kUsage, "--", flag, ": has no effect with --method ", o.method,
           " as it is set; it needs ", needs);
  const bool tokens = o.prompt_init == "tokens" || o.prompt_init == "kmeans";
  require(!tokens || o.prompt_rank == 0, ErrorKind::kUsage, "--prompt-init ", o.prompt_init,
          ": a product of --prompt-rank ", o.prompt_rank, " cannot be any token");
  require(!tokens || o.prompt_location == "prepend", ErrorKind::kUsage, "--prompt-init ",
          o.prompt_init, ": --prompt-location key-value has no tokens");
  require(o.new_prompts == "every" || o.carry != "none" || !prompts, ErrorKind::kUsage,
          "--carry: none with --new-prompts first would leave the second block without prompts");

  // MAE's class token saw no supervision: VPT, GaPT and MAE itself pool its patches.
  require(
      !o.asked("mae-norm") || (weights ? mae : !o.weights.empty()), ErrorKind::kUsage,
      "--mae-norm: has no effect ",
      weights ? std::string("with weights of ") + name_of(weights->family) : "without --weights",
      "; it needs MAE's");
  if (o.pool == "auto")
    // What a run of ours pooled were patches: it trained the backbone without prompts.
    o.pool = !weights || weights->pool.empty() ? (mae ? "avg" : "token")
             : weights->pool == "avg"          ? "patches"
                                               : weights->pool;
  const bool mean = o.pool != "token";
  require(mean || !o.asked("fc-norm"), ErrorKind::kUsage,
          "--fc-norm: has no effect with --pool token, which takes no mean");
  if (mean && o.fc_norm == "auto")
    o.fc_norm = !weights || mae || weights->family == Family::moco_v3 ? "1"
                : !weights->fc_norm.empty()                           ? weights->fc_norm
                                                                      : "0";
  require(weights || !o.weights.empty() || !o.asked("pos-interpolation"), ErrorKind::kUsage,
          "--pos-interpolation: has no effect without --weights");
  if (weights) o.pos_interpolation = name_of(weights->resample);
  if (o.normalization != "auto") return;
  o.normalization = !weights                         ? "imagenet"
                    : weights->normalization.empty() ? normalization_of(weights->family)
                                                     : weights->normalization;
  require(o.normalization == "imagenet" || o.normalization == "half", ErrorKind::kUsage,
          "--normalization: the weights' config says ", o.normalization,
          ", which is neither imagenet nor half; give one of them");
}

void resolve_transform(Options& o, const std::string& layout) {
  if (o.transform == "auto") o.transform = layout == "vtab" ? "vtab" : "fgvc";
  const bool vtab = o.transform == "vtab";
  if (o.interpolation == "auto") o.interpolation = vtab ? "bicubic" : "bilinear";
  require(vtab || o.interpolation != "tf-bilinear", ErrorKind::kUsage,
          "--interpolation tf-bilinear: needs --transform vtab, fgvc found");
  require(!vtab || !o.asked("crop-rule"), ErrorKind::kUsage,
          "--crop-rule: has no effect with --transform vtab, which does not crop");
  require(!vtab || !o.no_aug, ErrorKind::kUsage,
          "--no-aug: has no effect with --transform vtab, in which nothing is random");
}

}  // namespace lspt
