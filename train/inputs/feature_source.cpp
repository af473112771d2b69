#include "train/inputs/feature_source.h"

#include <algorithm>

#include "engine/free_memory.h"

namespace lspt {
namespace {

/// Of one image's stem.
Shape stem_shape(Model& model) {
  const ViTConfig& vit = model.config().vit;
  return model.features_stay() ? Shape{vit.embed_dim} : Shape{1 + vit.num_patches(), vit.embed_dim};
}

DType stem_dtype(Model& model) { return model.features_stay() ? DType::f32 : model.config().dtype; }

Shape batch_of(int64_t images, const Shape& one) {
  return one.rank() == 1 ? Shape{images, one[0]} : Shape{images, one[0], one[1]};
}

}  // namespace

FeatureSource::FeatureSource(Model& model, Loader& images)
    : model_(model),
      images_(images),
      bad_(images.list().size()),
      features_(batch_of(images.samples(), stem_shape(model)), stem_dtype(model), Device::cpu) {}

void FeatureSource::start(int64_t epoch, int64_t first_batch) {
  from_begin_ = first_batch == 0;
  if (!complete_) return images_.start(epoch, first_batch);
  order_ = epoch_order(samples(), images_.options(), epoch);
  taken_ = first_batch * images_.options().batch_size;
}

bool FeatureSource::next(Batch& batch) {
  if (!complete_) {
    if (!images_.next(batch)) {
      complete_ = from_begin_;
      for (const BadImage& bad : images_.bad_images()) bad_[static_cast<size_t>(bad.index)] = true;
      return false;
    }
    // All batches have one size: a product may round otherwise with another number of rows, and
    // which images are in the last, smaller batch depends on the epoch.
    const int64_t rows = batch.images.dim(0);
    Shape shape = batch.images.shape();
    shape.set(0, images_.options().batch_size);
    Tensor full = batch.images;
    if (full.shape() != shape) {
      full = Tensor::zeros(shape, full.dtype(), full.device());
      copy(full.slice(0, rows), batch.images);
    }
    batch.images = to_device(model_.stem(full), Device::cpu).slice(0, rows);
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
    batch.number = taken_ / images_.options().batch_size;
    const int64_t end = std::min(taken_ + images_.options().batch_size, count);
    for (; taken_ < end; ++taken_)
      if (const int64_t index = order_[static_cast<size_t>(taken_)];
          !bad_[static_cast<size_t>(index)])
        batch.indices.push_back(index);
  }
  Shape shape = features_.shape();
  shape.set(0, static_cast<int64_t>(batch.indices.size()));
  batch.images = Tensor(shape, features_.dtype(), Device::cpu);
  for (int64_t row = 0; const int64_t index : batch.indices) {
    copy(batch.images.slice(row, row + 1), features_.slice(index, index + 1));
    batch.labels.push_back(images_.list()[static_cast<size_t>(index)].label);
    ++row;
  }
  return true;
}

double kept_bytes(Model& model, const LoaderOptions& options, int64_t images) {
  if (model.frozen_blocks() == 0 || options.random()) return 0;
  const double bytes = static_cast<double>(images * stem_shape(model).numel()) *
                       static_cast<double>(size_of(stem_dtype(model)));
  return model.features_stay() || 4 * bytes <= free_memory().bytes ? bytes : 0;
}

std::unique_ptr<FeatureSource> features_for(Model& model, Loader& images) {
  if (kept_bytes(model, images.options(), images.samples()) == 0) return nullptr;
  return std::make_unique<FeatureSource>(model, images);
}

}  // namespace lspt
