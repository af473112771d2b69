/// What a run writes: trained tensors, optimizer state, where it stands, and what it was made from,
/// in one safetensors file whose metadata holds a hash of all of it.
#pragma once

#include <string>
#include <vector>

#include "models/parameter.h"
#include "train/inputs/data_digest.h"
#include "train/settings/train_settings.h"

namespace lspt {

/// Where a run stands. Sums are of the epoch under way.
struct Progress {
  int64_t epoch = 0;    ///< epochs finished, evaluation included
  int64_t step = 0;     ///< steps done in the next one
  int64_t updates = 0;  ///< optimizer updates so far
  double loss_sum = 0;  ///< over images
  int64_t correct = 0, seen = 0;
  double best_top1 = -1;  ///< the highest, percent; -1 before the first evaluation
  int64_t best_epoch = 0;
  double chosen_top1 = -1;  ///< of the epoch in best.safetensors, chosen as --choose says
  int64_t chosen_epoch = 0;
};

/// The file that the frozen backbone came from; an empty path means random values by --seed.
struct BackboneFile {
  std::string path;  ///< absolute
  size_t bytes = 0;
  std::string sha256;
  Tensor sketch = {};  ///< of its values, as the model has them (models/weights/sketch.h)
};

/// Whether two files hold the same backbone: by their hash, or by their values up to rounding.
bool same_backbone(const BackboneFile& a, const BackboneFile& b);

struct Checkpoint {
  TrainSettings settings;  ///< of a file: only what the result depends on
  Progress progress;
  BackboneFile backbone;
  std::vector<std::string> class_names;
  DataDigest data;                    ///< of the data set when the run began
  std::vector<std::string> warnings;  ///< health.h: what was said to go wrong
  NamedTensors trained;               ///< under the model's names
  NamedTensors optimizer;             ///< in the file with "optimizer." in front
};

/// SHA-256 of metadata, but its entry "sha256", and named host tensors.
std::string digest_of(const std::map<std::string, std::string>& metadata,
                      const std::map<std::string, Tensor>& tensors);

/// Throws Error(kDiverged) if one of the f32 tensors, to be saved as `path`, has a value that is
/// not finite.
void require_finite(const std::map<std::string, Tensor>& tensors, const std::string& path);

/// Atomically; the same checkpoint gives the same bytes. Throws Error(kWrite), and Error(kDiverged)
/// if a tensor has a non-finite value: a file once good is never replaced by a bad one.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Tensors are views of the mapped file. Throws Error(kWeights) if it is not one of our checkpoints
/// or its hash is wrong.
Checkpoint load_checkpoint(const std::string& path);

/// The head of the linear probe `from`, a run folder or checkpoint, for the new run `to` to start
/// with; of `to` settings, backbone, class names and data digest are read. Linear probing first and
/// tuning from there is LP-FT of Kumar et al. 2022, arXiv:2202.10054. Throws Error(kWeights) as
/// load_checkpoint does, and Error(kUsage) if there is no such file, for a run of another method,
/// and for a probe of other classes, another backbone, split or images, or of features made
/// otherwise.
NamedTensors head_for(const Checkpoint& to, const std::string& from);

/// A checkpoint's path from what the user gave: a file, or a run folder and `name` in it.
std::string checkpoint_path(const std::string& given, const std::string& name);

}  // namespace lspt
