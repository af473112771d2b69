/// One training run, from settings to results.json: what train does once and sweep many times.
#pragma once

#include "train/metrics.h"
#include "train/run_folder.h"
#include "train/setup.h"

namespace lspt {

/// What the runs of a process have in common. Images that one run decoded the next finds decoded,
/// as long as the runs have the same seed and settings of the data.
class Inputs {
 public:
  /// Opens the data set that the options name. Throws Error(kData).
  explicit Inputs(const Options& options);
  /// Loads the backbone that the options name, if any, so that runs share it.
  void load(const Options& options);

  const Dataset& data() const { return data_; }
  const std::string& digest() const { return digest_; }
  const Backbone* backbone() const { return backbone_ ? &*backbone_ : nullptr; }
  /// The images that the best epoch is chosen on: "val", or "test" where there are no others.
  std::string chosen_on() const { return data_.val.empty() ? "test" : "val"; }

  /// Loaders over the parts of the data; each is valid until the same one is asked for again.
  Loader& train(const Options& options) { return kept(train_, data_.train, options, true); }
  Loader& choice(const Options& options) {
    return kept(choice_, data_.val.empty() ? data_.test : data_.val, options, false);
  }
  Loader& test(const Options& options) { return kept(test_, data_.test, options, false); }

 private:
  struct Kept {
    std::string settings;
    std::unique_ptr<Loader> loader;
  };
  static Loader& kept(Kept& slot, const std::vector<Sample>& part, const Options& options,
                      bool train);

  Dataset data_;
  std::string digest_;
  std::optional<Backbone> backbone_;
  Kept train_, choice_, test_;
};

struct RunPlan {
  Checkpoint state = {};     ///< of a new run only its options, which need not be resolved
  std::string resumed = {};  ///< the folder that `state` comes from; "" for a new run
  std::string weights = {};  ///< where a resumed run's backbone is now, if not where it was
  bool test = true;          ///< whether the best epoch is tested at the end
};

/// What results.json says, and config.json with it.
struct RunResult {
  int signal = 0;        ///< that asked for a stop, the run being saved; nothing else is set then
  Options options = {};  ///< resolved
  std::string data_sha256 = {}, weights_sha256 = {};  ///< data_digest_of; "" without --weights
  int64_t epochs = 0, best_epoch = 0;
  std::string chosen_on = {};
  double best_top1 = 0, last_top1 = 0;  ///< percent of the images chosen on
  struct Test {
    double top1 = 0, top5 = 0, mean_class_top1 = 0;
  };
  std::optional<Test> test = {};  ///< of the best epoch; nothing if it was chosen on those images
  std::string diverged = {};      ///< why a sweep has no accuracy of these settings
};

/// Trains, or goes on, tests the best epoch, and writes everything into the folder; results.json
/// last. Throws Error(kDiverged), and whatever else stops a run.
RunResult run(RunPlan plan, Inputs& inputs, const RunFolder& folder, Console& console);

/// The content of results.json, on one line without indent.
std::string json_of(const RunResult& result, const std::string& folder, int indent = -1);
/// The run that is finished in the folder; nothing if there is none. Throws Error(kUsage) for files
/// that are not as run() writes them.
std::optional<RunResult> read_result(const std::string& folder);

/// Whether the flag only says where data or weights lie.
bool is_place(const Flag& flag);

}  // namespace lspt
