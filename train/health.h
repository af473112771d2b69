/// Whether training goes as it should: what is said when it does not, once each.
#pragma once

#include <string>
#include <vector>

#include "models/prompt.h"
#include "train/metrics.h"

namespace lspt {

/// What a run can be compared with.
struct HealthSettings {
  int64_t classes = 0, epochs = 0, warmup_epochs = 0;
  double chance = 0;  ///< percent: the largest class's share of the training images
  int64_t train_images = 0, eval_images = 0;
  bool fresh = true;  ///< a new run on pretrained weights: its first loss says how the head starts
};

/// Each function returns a line to warn with, what to try included, or "" if there is nothing to
/// say or it was said before. `said` is a list of words, kept with the run: first-loss, loss,
/// chance, gradients, gates.
class Health {
 public:
  Health(std::vector<std::string>& said, const HealthSettings& settings)
      : said_(said), settings_(settings) {}

  /// first-loss: more than 1.5 ln K + 0.5 before anything was learned; guessing gives ln K.
  std::string first_loss(double loss);
  /// gradients: a norm of 100 times the median so far, or none that is a number; after 20 steps.
  std::string gradient(double norm, int64_t epoch);
  /// loss: a mean training loss above ln K in two epochs running after the warm-up. chance: top-1
  /// of training and evaluation within two standard errors of chance in a third of the run's
  /// epochs, three at least, where there are enough training images to tell.
  std::string epoch(const std::vector<EpochRow>& rows);
  /// gates: more than half of a gate's values, over all blocks, within 1 % of an end of their
  /// range; of the cell gate's nine tenths, for a tanh at its ends is still an input.
  std::string gates(const PromptTrace& trace);

  /// Why a run with these epochs has taught its model nothing, or "".
  std::string failed(const std::vector<EpochRow>& rows) const;

 private:
  std::string say(const char* word, const std::string& text);
  double guess() const;  // ln K
  bool at_chance(const EpochRow& row) const;

  std::vector<std::string>& said_;
  HealthSettings settings_;
  std::vector<double> norms_;  // sorted
};

/// For the log: a line a block.
std::string table_of(const PromptTrace& trace);

}  // namespace lspt
