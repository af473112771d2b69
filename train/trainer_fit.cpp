// What a trainer does before the first step, and where a head is fitted.
#include "train/inputs/first_prompts.h"
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

void Trainer::start_prompts() {
  const PromptConfig& config = model_.config().method.prompt;
  train_.start(0, 0);
  Batch batch;
  require(train_.next(batch), ErrorKind::kData,
          "--prompt-init: no training image can be read to take tokens from");
  const bool cluster = settings_.prompt_init == PromptInit::kmeans;
  model_.load(prompts_from_images(model_, batch.images, cluster));
  console_.line(format("Init:  %d prompts %s are %s of %lld training images", config.prompts,
                       config.new_prompts == NewPrompts::every ? "a block" : "of the first block",
                       cluster ? "k-means of the patch tokens" : "patch tokens",
                       static_cast<long long>(batch.images.dim(0))));
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
