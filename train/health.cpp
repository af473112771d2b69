#include "train/health.h"

#include <algorithm>
#include <cmath>

#include "train/choice.h"
#include "train/output/console.h"

namespace lspt {

std::string Health::say(const char* word, const std::string& text) {
  if (std::find(said_.begin(), said_.end(), word) != said_.end()) return "";
  said_.push_back(word);
  return text;
}

double Health::guess() const { return std::log(static_cast<double>(settings_.classes)); }

bool Health::at_chance(const EpochRow& row) const {
  const auto near = [&](double top1, int64_t images) {
    return top1 <= settings_.chance + 2 * standard_error(settings_.chance, images);
  };
  // Of few images chance may make anything.
  const double noise = 2 * standard_error(settings_.chance, settings_.train_images);
  return settings_.classes > 1 && noise < (100 - settings_.chance) / 2 &&
         near(row.train_top1, settings_.train_images) && near(row.eval_top1, settings_.eval_images);
}

std::string Health::first_loss(double loss) {
  if (!settings_.fresh || settings_.classes < 2 || loss <= 1.5 * guess() + 0.5) return "";
  return say(
      "first-loss",
      format("the first loss is %.3g, and guessing gives ln %lld = %.3g: the head starts far "
             "off for these features. Try --init-head zero",
             loss, static_cast<long long>(settings_.classes), guess()));
}

std::string Health::gradient(double norm, int64_t epoch) {
  constexpr size_t kEnough = 20;
  std::string text;
  if (norms_.size() >= kEnough) {
    const double median = norms_[norms_.size() / 2];
    if (!(norm <= 100 * median) && median > 0)
      text = say("gradients",
                 format("the norm of the gradients is %.3g in epoch %lld, %.0f times its median so "
                        "far. Try a lower --lr, or --clip-grad %.2g",
                        norm, static_cast<long long>(epoch), norm / median, 3 * median));
  }
  if (std::isfinite(norm))
    norms_.insert(std::lower_bound(norms_.begin(), norms_.end(), norm), norm);
  return text;
}

std::string Health::epoch(const std::vector<EpochRow>& rows) {
  if (rows.empty() || settings_.classes < 2) return "";
  const EpochRow& row = rows.back();
  const auto too_high = [&](const EpochRow& r) {
    return r.epoch > settings_.warmup_epochs && r.train_loss > 1.05 * guess() + 0.05;
  };
  if (rows.size() > 1 && too_high(row) && too_high(rows[rows.size() - 2])) {
    const std::string text =
        say("loss",
            format("after the warm-up the training loss is %.3g, worse than guessing (ln %lld = "
                   "%.3g). Try a tenth of the --lr",
                   row.train_loss, static_cast<long long>(settings_.classes), guess()));
    if (!text.empty()) return text;
  }
  const auto chance =
      std::count_if(rows.begin(), rows.end(), [&](const EpochRow& r) { return at_chance(r); });
  if (!at_chance(row) || chance < 3 || 3 * chance < settings_.epochs) return "";
  return say(
      "chance",
      format("top-1 is where guessing is (%.1f %%) after %lld of %lld epochs: nothing is being "
             "learned. Try --opt adamw --lr 1e-3 --init-head zero, and look at the labels and "
             "the weights (lspt check, lspt info)",
             settings_.chance, static_cast<long long>(row.epoch),
             static_cast<long long>(settings_.epochs)));
}

std::string Health::gates(const PromptTrace& trace) {
  if (trace.blocks.empty()) return "";
  constexpr const char* names[] = {"input", "forget", "cell", "output"};
  for (size_t gate = 0; gate < 4; ++gate) {
    double share = 0;
    for (const PromptTrace::Block& block : trace.blocks)
      share += block.saturated[gate] / static_cast<double>(trace.blocks.size());
    if (share <= (gate == 2 ? 0.9 : 0.5)) continue;
    return say("gates",
               format("%.0f %% of the LSTM's %s gates are saturated and pass no gradient on. "
                      "Try --lstm-lr-mult 0.1, or a lower --lr",
                      100 * share, names[gate]));
  }
  return "";
}

std::string Health::failed(const std::vector<EpochRow>& rows) const {
  if (rows.empty() || settings_.classes < 2) return "";
  const EpochRow& row = rows.back();
  if (at_chance(row)) return format("ended no better than guessing (%.1f %%)", settings_.chance);
  if (row.train_loss > 1.05 * guess() + 0.05)
    return format("ended with a training loss of %.3g, worse than guessing", row.train_loss);
  return "";
}

std::string table_of(const PromptTrace& trace) {
  std::string text =
      "LSTM by block: rms of prompts entering, leaving, patch mean, H, C; mean (share saturated) "
      "of "
      "gates i, f, g, o";
  for (size_t l = 0; l < trace.blocks.size(); ++l) {
    const PromptTrace::Block& b = trace.blocks[l];
    text += format("\n  %2zu  %.3f %.3f %.3f %.3f %.3f ", l + 1, b.entering, b.leaving, b.mean,
                   b.hidden, b.memory);
    for (size_t gate = 0; gate < 4; ++gate)
      text += format(" %.2f (%.2f)", b.gates[gate], b.saturated[gate]);
  }
  return text;
}

}  // namespace lspt
