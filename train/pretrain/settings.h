/// What a pre-training run does: typed and settled values.
#pragma once

#include <string>

#include "data/loader.h"
#include "models/mae.h"
#include "train/step.h"

namespace lspt {

struct PretrainSettings {
  DatasetOptions data;
  LoaderOptions images;  ///< of training: batch size, seed, transform
  LoaderOptions looks;   ///< of the probe: each image once, as it is evaluated
  MaeConfig model;
  int64_t epochs = 100, warmup_epochs = 5;
  double lr = 1.5e-4, min_lr = 0, weight_decay = 0.05, clip_grad = 0;
  Capture capture;
  double save_interval = 5;                           ///< minutes; 0: at the end of epochs alone
  int64_t log_interval = 10;                          ///< steps
  int64_t picture_interval = 10, probe_interval = 0;  ///< epochs; 0: none
  std::string output;
  std::string
      config;  ///< all of it as the user may give it again: kept with the run, not read here
};

}  // namespace lspt
