/// Tuning methods. One is what of the backbone it trains, what enters the blocks, what is added
/// beside their layers, and what reads the features: a row of the table in method.cpp, which is the
/// one place that knows methods by name. The parts know nothing of each other.
#pragma once

#include <string>
#include <vector>

#include "models/prompt.h"
#include "models/side.h"

namespace lspt {

/// What of the backbone is trained. bias: every bias (BitFit, Ben Zaken et al. 2022,
/// arXiv:2106.10199). last: the last blocks and the final norm (partial-k).
enum class Trained { nothing, bias, last, all };

/// The head: `layers` matrices with ReLU between them, of width `hidden` (0: the features'). One
/// layer is the linear head; more are VPT's MLP-k (Jia et al. 2022, 4.1).
struct HeadConfig {
  int layers = 1;
  int hidden = 0;
};

struct MethodConfig {
  std::string name = "lspt";
  Trained trained = Trained::nothing;
  int last_blocks = 1;  ///< of Trained::last
  PromptConfig prompt = {};
  SideConfig side = {};
  HeadConfig head = {};

  /// The whole backbone moves: a checkpoint of it needs no file beside it.
  bool full() const { return trained == Trained::all; }
  /// A linear head alone.
  bool linear() const {
    return trained == Trained::nothing && prompt.prompts == 0 && !side.any() && head.layers == 1;
  }
  /// Whether it trains a parameter of the backbone.
  bool trains(const std::string& parameter, int depth) const;
  /// Its name and sizes in words: "lspt with 10 prompts".
  std::string text() const;
};

/// In the order of --help.
const std::vector<std::string>& method_names();
/// The setting that is the named method, with `prompts` of them where it has any. Throws
/// Error(kUsage) for an unknown name.
MethodConfig method_config(const std::string& name, int prompts);

}  // namespace lspt
