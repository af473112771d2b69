#include "train/feature_source.h"

#include <algorithm>

namespace lspt {
namespace {

LoaderOptions without_cache(LoaderOptions options) {
  options.cache_bytes = options.device_bytes = 0;
  return options;
}

}  // namespace

FeatureSource::FeatureSource(Model& model, const std::vector<Sample>& samples,
                             const LoaderOptions& options)
    : model_(model),
      options_(options),
      images_(samples, without_cache(options)),
      features_({images_.samples(), model.config().vit.embed_dim}) {
  for (const Sample& sample : samples) labels_.push_back(sample.label);
}

void FeatureSource::start(int64_t epoch, int64_t first_batch) {
  from_begin_ = first_batch == 0;
  if (!complete_) return images_.start(epoch, first_batch);
  order_ = epoch_order(samples(), options_, epoch);
  taken_ = first_batch * options_.batch_size;
}

bool FeatureSource::next(Batch& batch) {
  if (!complete_) {
    if (!images_.next(batch)) {
      complete_ = from_begin_;
      return false;
    }
    batch.images = to_device(model_.features(batch.images).value, Device::cpu);
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i), index = batch.indices[i];
      copy(features_.slice(index, index + 1), batch.images.slice(row, row + 1));
    }
    return true;
  }
  const int64_t size = std::min(options_.batch_size, static_cast<int64_t>(order_.size()) - taken_);
  if (size <= 0) return false;
  batch.indices.assign(order_.begin() + taken_, order_.begin() + taken_ + size);
  batch.labels.clear();
  batch.images = Tensor({size, features_.cols()});
  for (int64_t row = 0; row < size; ++row) {
    const int64_t index = batch.indices[static_cast<size_t>(row)];
    copy(batch.images.slice(row, row + 1), features_.slice(index, index + 1));
    batch.labels.push_back(labels_[static_cast<size_t>(index)]);
  }
  taken_ += size;
  return true;
}

std::unique_ptr<BatchSource> batches_for(Model& model, const std::vector<Sample>& samples,
                                         const LoaderOptions& options) {
  if (model.features_stay() && !(options.train && options.augment))
    return std::make_unique<FeatureSource>(model, samples, options);
  return std::make_unique<Loader>(samples, options);
}

}  // namespace lspt
