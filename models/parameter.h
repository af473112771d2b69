/// Named tensors of a model: what is loaded, trained, saved and reported.
#pragma once

#include <string>
#include <vector>

#include "engine/tape.h"

namespace lspt {

/// Trainable if and only if var.node is set; otherwise frozen, that is, a constant.
struct Parameter {
  std::string name;  ///< timm's state-dict name, or ours (`prompt.3`, `lspt.lstm.weight_ih`)
  Var var;
  float lr_scale = 1.0f;     ///< multiplies the learning rate (`--lstm-lr-mult`)
  bool weight_decay = true;  ///< whether the optimizer's decay applies to it
};

/// In the order of the model's forward pass. Pointers stay valid while the model lives.
using Parameters = std::vector<Parameter*>;

}  // namespace lspt
