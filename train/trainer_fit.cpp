// What a trainer does before the first step, and where a head is fitted.
#include "engine/accumulate.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace lspt {
namespace {

constexpr int64_t kFirstLooks = 3;  // at each image, for a first head: an epoch's time

}  // namespace

/// What the epochs of a run that goes on have kept, by looking at their images again; the one that
/// was stopped begins anew, unless only its evaluation is left.
bool Trainer::look_again() {
  const bool fitted = progress_.step > 0 && progress_.step == train_.batches();
  for (int64_t epoch = 0; epoch < progress_.epoch + fitted; ++epoch) {
    console_.bar(format("looking at epoch %lld again", static_cast<long long>(epoch + 1)));
    const auto looks = keep_features(model_, train_, epoch, [] { return caught_signal() == 0; });
    if (!looks) return false;
    kept_->add(*looks);
  }
  if (!fitted) progress_.step = progress_.correct = progress_.seen = 0, progress_.loss_sum = 0;
  return true;
}

/// SPT of Wang et al. 2024 (Revisiting the Power of Prompt for Visual Tuning): prompts start as
/// patch tokens of training images that enter their block; here of the first batch, chosen at
/// random.
void Trainer::start_prompts() {
  const PromptConfig& config = model_.config().method.prompt;
  const bool every = config.new_prompts == NewPrompts::every;
  train_.start(0, 0);
  Batch batch;
  require(train_.next(batch), ErrorKind::kData,
          "--prompt-init tokens: no training image can be read");
  NamedTensors prompts;
  model_.patch_tokens(batch.images, [&](int block, const Tensor& rows) {
    if (block > 0 && !every) return;
    const Tensor tokens = rows.reshape({rows.rows(), rows.cols()});
    const Tensor chosen({config.prompts, rows.cols()});
    const Random random(settings_.model.seed, 0, static_cast<uint64_t>(block), Purpose::init);
    for (int64_t p = 0; p < config.prompts; ++p) {
      const int64_t row =
          random.below(static_cast<uint64_t>(p), static_cast<uint32_t>(rows.rows()));
      accumulate(chosen.slice(p, p + 1), tokens.slice(row, row + 1), 0.0f);
    }
    prompts["prompt." + std::to_string(block)] = chosen;
  });
  model_.load(prompts);
  console_.line(format("Init:  %d prompts %s are patch tokens of training images", config.prompts,
                       every ? "a block" : "of the first block"));
}

/// Linear probing before tuning: LP-FT of Kumar et al. 2022, arXiv:2202.10054.
bool Trainer::fit_first_head() {
  console_.bar("looking at the images for a first head");
  const auto go_on = [] { return caught_signal() == 0; };
  KeptFeatures looks;
  for (int64_t epoch = 0; epoch < kFirstLooks; ++epoch) {
    const auto more = keep_features(model_, train_, epoch, go_on);
    if (!more) return false;
    looks.add(*more);
  }
  KeptFeatures choice;
  if (split_ == "val") {
    auto more = keep_features(model_, evaluation_, 0, go_on);
    if (!more) return false;
    choice = std::move(*more);
  }
  console_.bar("fitting the first head");
  const FitReport report =
      fit_head(model_, looks, choice, decay_, true,
               {.smoothing = settings_.label_smoothing, .seed = settings_.model.seed});
  console_.line(format("Fit:   the first head, to %s looks, weight decay %.3g (best of %lld)",
                       grouped(report.looks).c_str(), report.decay,
                       static_cast<long long>(report.tried)));
  return true;
}

void Trainer::fit() {
  const bool first = progress_.epoch == 0, last = progress_.epoch + 1 == schedule_.epochs;
  KeptFeatures choice;
  if ((first || last) && split_ == "val")
    choice = *keep_features(model_, evaluation_, 0, [] { return true; });
  console_.bar("fitting the head");
  const FitReport report =
      fit_head(model_, *kept_, choice, last && !first ? 10 * decay_ : decay_, first || last,
               {.decay = settings_.optimizer.weight_decay,
                .smoothing = settings_.label_smoothing,
                .seed = settings_.model.seed});
  decay_ = static_cast<float>(report.decay);  // as the checkpoint has it
  const std::string how =
      report.tried > 0 ? format(" (best of %lld on %s)", static_cast<long long>(report.tried),
                                split_ == "val" ? "val" : "held-out training images")
                       : "";
  console_.line(format("Fit:   epoch %lld/%lld  %s looks, %lld iterations, weight decay %.3g%s",
                       static_cast<long long>(progress_.epoch + 1),
                       static_cast<long long>(schedule_.epochs), grouped(report.looks).c_str(),
                       static_cast<long long>(report.iterations), decay_, how.c_str()));
}

}  // namespace lspt
