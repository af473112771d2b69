#include "train/pretrain/state.h"

#include "models/weights/containers/safetensors.h"
#include "models/weights/containers/weight_file.h"
#include "models/weights/names/family.h"
#include "train/checkpoint.h"
#include "train/output/json_text.h"
#include "train/version.h"

namespace lspt {
namespace {

constexpr const char* kMark = "lspt_pretrain";
const std::string kOptimizer = "optimizer.";

/// What readers of weights go by.
std::map<std::string, std::string> family_metadata(const std::string& model) {
  return {{"family", key_of(Family::mae)},
          {"normalization", normalization_of(Family::mae)},
          {"model", model}};
}

/// The numbers under their names in the file; one table for reading and writing.
template <typename P, typename Visit>
void each_count(P& progress, const Visit& visit) {
  visit("epoch", progress.epoch);
  visit("step", progress.step);
  visit("updates", progress.updates);
  visit("loss_sum", progress.loss_sum);
  visit("seen", progress.seen);
}

}  // namespace

void save_pretrain_state(const std::string& path, const PretrainState& state) {
  std::map<std::string, Tensor> tensors = state.model;
  for (const auto& [name, tensor] : state.optimizer) tensors[kOptimizer + name] = tensor;
  require_finite(tensors, path);
  auto metadata = family_metadata(state.model_name);
  metadata[kMark] = kVersion;
  metadata["config"] = state.config;
  metadata["data"] = state.data_sha256;
  each_count(state.progress, [&](const char* key, const auto& value) {
    metadata[key] = nlohmann::ordered_json(value).dump();
  });
  metadata["sha256"] = digest_of(metadata, tensors);
  write_safetensors(path, {tensors.begin(), tensors.end()}, metadata);
}

PretrainState load_pretrain_state(const std::string& path) {
  const WeightFile file = WeightFile::open(path);
  const auto& metadata = file.metadata();
  require(metadata.contains(kMark), ErrorKind::kWeights, "checkpoint ", path,
          ": no last.safetensors that lspt pretrain wrote");
  std::map<std::string, Tensor> tensors;
  for (const StoredTensor& stored : file.tensors()) {
    require(stored.element == Element::f32, ErrorKind::kWeights, "checkpoint ", path, ": ",
            stored.name, " is ", name_of(stored.element), ", f32 expected");
    tensors[stored.name] = file.load(stored);
  }
  const auto text = [&](const std::string& key) {
    const auto it = metadata.find(key);
    require(it != metadata.end(), ErrorKind::kWeights, "checkpoint ", path, ": metadata has no \"",
            key, "\"");
    return it->second;
  };
  require(text("sha256") == digest_of(metadata, tensors), ErrorKind::kWeights, "checkpoint ", path,
          ": damaged (its content does not have the hash it was saved with)");
  PretrainState state{
      .config = text("config"), .data_sha256 = text("data")};
  try {
    each_count(state.progress, [&](const char* key, auto& value) {
      nlohmann::json::parse(text(key)).get_to(value);
    });
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::kWeights, "checkpoint ", path, ": metadata: ", error.what());
  }
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(kOptimizer))
      state.optimizer[name.substr(kOptimizer.size())] = tensor;
    else
      state.model[name] = tensor;
  return state;
}

void save_encoder(const std::string& path, const NamedTensors& encoder, const std::string& model) {
  write_safetensors(path, {encoder.begin(), encoder.end()}, family_metadata(model));
}

}  // namespace lspt
