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
      bad_(samples.size()),
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
      for (const BadImage& bad : images_.bad_images()) bad_[static_cast<size_t>(bad.index)] = true;
      return false;
    }
    batch.images = to_device(model_.features(batch.images).value, Device::cpu);
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i), index = batch.indices[i];
      copy(features_.slice(index, index + 1), batch.images.slice(row, row + 1));
    }
    return true;
  }
  const auto count = static_cast<int64_t>(order_.size());  // 0 before the next start()
  batch = {};
  while (batch.indices.empty()) {  // a batch of bad images alone is passed over
    if (taken_ >= count) return false;
    batch.number = taken_ / options_.batch_size;
    const int64_t end = std::min(taken_ + options_.batch_size, count);
    for (; taken_ < end; ++taken_)
      if (const int64_t index = order_[static_cast<size_t>(taken_)];
          !bad_[static_cast<size_t>(index)])
        batch.indices.push_back(index);
  }
  batch.images = Tensor({static_cast<int64_t>(batch.indices.size()), features_.cols()});
  for (int64_t row = 0; const int64_t index : batch.indices) {
    copy(batch.images.slice(row, row + 1), features_.slice(index, index + 1));
    batch.labels.push_back(labels_[static_cast<size_t>(index)]);
    ++row;
  }
  return true;
}

std::unique_ptr<BatchSource> batches_for(Model& model, const std::vector<Sample>& samples,
                                         const LoaderOptions& options) {
  if (model.features_stay() && !options.random())
    return std::make_unique<FeatureSource>(model, samples, options);
  return std::make_unique<Loader>(samples, options);
}

}  // namespace lspt
