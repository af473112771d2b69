/// What a training run is told, typed. Flags, a recipe, config.json and a checkpoint all become
/// this value, in this room alone; what trains takes the parts that it needs and knows no flag.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "models/model.h"
#include "models/weights/load.h"
#include "train/choice.h"
#include "train/inputs/first_prompts.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/step.h"

namespace lspt {

struct Options;

struct DataSettings {
  DatasetOptions set = {};
  LoaderOptions loader = {};  ///< of training; batches of evaluation differ as loader_options says
  int64_t validation_batch_size = 0;
  bool validation_batch_given = false;  ///< else it is the batch size
  std::string cache;                    ///< folder of decoded images, "" for none
};

/// Where the frozen backbone comes from.
struct WeightsSettings {
  std::string path;                       ///< "": random values by the seed
  std::optional<Family> family = {};      ///< nothing: as the file tells
  std::optional<Resample> resample = {};  ///< of position embeddings; nothing: as the family does
  bool vpt_norm = false;                  ///< MAE's final norm is left untrained, as VPT leaves it
};

struct MachineSettings {
  Device device = Device::cpu;
  bool tf32 = false;
  int threads = 0;  ///< 0: OMP_NUM_THREADS, or as many as there are
  CudaGraph cuda_graph = CudaGraph::automatic;
};

struct OutputSettings {
  std::string folder;
  int64_t log_interval = 10;  ///< steps between lines where the output is no terminal
  bool log_json = false, tensorboard = false;
  double save_interval = 5;  ///< minutes; 0: at the end of epochs alone
};

struct TrainSettings {
  std::string recipe;  ///< its name, "" for none
  DataSettings data;
  WeightsSettings weights;
  std::string model_name;  ///< as the user has it
  ModelConfig model;       ///< but for num_classes, which the data have
  std::string head_from;   ///< a linear probe's run whose head is the first; "" for none
  bool fits_head = false;  ///< the first head is fitted to what the untuned model makes of images
  PromptInit prompt_init = PromptInit::random;
  std::string prompts_from;  ///< the file of PromptInit::file
  OptimizerConfig optimizer = {};
  Schedule schedule = {};  ///< but for steps_per_epoch
  double label_smoothing = 0;
  Choose choose = Choose::one_se;
  int64_t patience = 0;
  MachineSettings machine;
  OutputSettings output;

  /// The same as JSON, a flag a key: what config.json holds, and of it what the result depends on,
  /// which checkpoints hold.
  std::string config, result_config;

  /// Nothing is random: --opt lbfgs need look at an image once only.
  bool one_look() const { return optimizer.kind == OptimizerKind::lbfgs && !data.loader.random(); }
};

/// Of options that are resolved (defaults.h). Throws Error(kUsage) for what no model or device is.
TrainSettings train_settings(const Options& options);
/// Of what `config` or `result_config` was. Throws Error(kind) naming `source` and the line.
TrainSettings train_settings_from(const std::string& config, const std::string& source,
                                  ErrorKind kind = ErrorKind::kWeights);

/// A setting in which two runs differ, as text that the flag takes.
struct Difference {
  std::string flag, one, other;
};
/// All of them among these flags.
std::vector<Difference> differences(const TrainSettings& one, const TrainSettings& other,
                                    const std::vector<std::string>& flags);

}  // namespace lspt
