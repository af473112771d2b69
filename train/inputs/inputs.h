/// Data and backbone of training runs, and the loaders over the data.
#pragma once

#include <memory>

#include "train/inputs/backbone.h"

namespace lspt {

/// Opens the data set. Throws Error(kData), also where check_trainable does.
Dataset open_data(const DatasetOptions& options);

/// What a loader over a part of the data is told. `cached`: with the file of decoded images, one a
/// data set and resize rule; else nothing is kept, for images that are read once.
LoaderOptions loader_options(const DataSettings& data, bool train, bool cached = true);

/// What the runs of a process have in common. Images that one run decoded the next finds decoded,
/// as long as the runs have the same seed and settings of the data.
class Inputs {
 public:
  /// Throws Error(kData).
  explicit Inputs(const DatasetOptions& set)
      : data_(open_data(set)), digest_(data_digest_of(data_)) {}
  /// Loads the backbone, if there is to be one, so that runs share it.
  void load(const WeightsSettings& weights, const ViTConfig& vit) {
    if (!weights.path.empty()) backbone_ = load_weights(weights, vit);
  }

  const Dataset& data() const { return data_; }
  const DataDigest& digest() const { return digest_; }
  const Backbone* backbone() const { return backbone_ ? &*backbone_ : nullptr; }
  std::optional<WeightsHint> hint() const {
    return backbone_ ? std::optional(backbone_->hint) : std::nullopt;
  }
  /// The images that the best epoch is chosen on: "val", or "test" where there are no others.
  std::string chosen_on() const { return data_.val.empty() ? "test" : "val"; }

  /// Loaders over the parts of the data; each is valid until the same one is asked for again.
  Loader& train(const DataSettings& data) { return kept(train_, data_.train, data, true); }
  Loader& choice(const DataSettings& data) {
    return kept(choice_, data_.val.empty() ? data_.test : data_.val, data, false);
  }
  Loader& test(const DataSettings& data) { return kept(test_, data_.test, data, false); }

 private:
  static Loader& kept(std::unique_ptr<Loader>& slot, const std::vector<Sample>& part,
                      const DataSettings& data, bool train);

  Dataset data_;
  DataDigest digest_;
  std::optional<Backbone> backbone_;
  std::unique_ptr<Loader> train_, choice_, test_;
};

}  // namespace lspt
