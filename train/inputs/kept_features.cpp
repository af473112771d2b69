#include "train/inputs/kept_features.h"

#include "ops/cross_entropy.h"

namespace lspt {
namespace {

Tensor features_of(Model& model, const Batch& batch) { return model.features(batch.images).value; }

}  // namespace

void KeptFeatures::add(const Tensor& features, const Batch& batch) {
  batches.push_back(to_device(features, Device::cpu));
  labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
}

void KeptFeatures::add(const KeptFeatures& more) {
  batches.insert(batches.end(), more.batches.begin(), more.batches.end());
  labels.insert(labels.end(), more.labels.begin(), more.labels.end());
  indices.insert(indices.end(), more.indices.begin(), more.indices.end());
}

TrainStep::Result KeptFeatures::look(Model& model, const Batch& batch, const Tensor& targets) {
  const Tensor features = features_of(model, batch);
  add(features, batch);
  const Tensor logits = model.forward(features).value;
  return {cross_entropy(logits, targets).value.to_vector()[0], logits};
}

std::optional<KeptFeatures> keep_features(Model& model, BatchSource& source, int64_t epoch,
                                          const std::function<bool()>& go_on) {
  KeptFeatures out;
  Batch batch;
  source.start(epoch);
  while (source.next(batch)) {
    out.add(features_of(model, batch), batch);
    if (!go_on()) return std::nullopt;
  }
  return out;
}

}  // namespace lspt
