/// Data and backbone of training runs, and the loaders over the data.
#pragma once

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

  /// Decides what the options leave to the data and the backbone. Throws Error(kUsage).
  void settle(Options& options) const;

  const Dataset& data() const { return data_; }
  const DataDigest& digest() const { return digest_; }
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
  DataDigest digest_;
  std::optional<Backbone> backbone_;
  Kept train_, choice_, test_;
};

}  // namespace lspt
