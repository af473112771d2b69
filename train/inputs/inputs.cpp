#include "train/inputs/inputs.h"

#include <filesystem>

#include "engine/digest.h"

namespace lspt {

namespace fs = std::filesystem;

Dataset open_data(const DatasetOptions& options) {
  Dataset dataset = open_dataset(options);
  check_trainable(dataset, options);
  return dataset;
}

namespace {

std::string cache_file(const DataSettings& settings, const ResizeRule& rule) {
  if (settings.cache.empty()) return "";
  const fs::path data = fs::absolute(settings.set.path).lexically_normal();
  Digest digest;
  digest.add(data.string());
  const std::string name = (data.has_filename() ? data : data.parent_path()).filename().string();
  return (fs::path(settings.cache) / (name.substr(0, 100) + "-" + digest.hex().substr(0, 16) + "-" +
                                      text_of(rule) + ".pixels"))
      .string();
}

}  // namespace

LoaderOptions loader_options(const DataSettings& data, bool train, bool cached) {
  LoaderOptions out = data.loader;
  out.train = train;
  if (!train) {
    out.batch_size = data.validation_batch_size;
    out.seed = 0;  // nothing is random: loaders of other runs do
  }
  if (cached)
    out.cache_file = cache_file(data, resize_rule(out));
  else
    out.cache_bytes = 0;
  return out;
}

Loader& Inputs::kept(std::unique_ptr<Loader>& slot, const std::vector<Sample>& part,
                     const DataSettings& data, bool train) {
  const LoaderOptions options = loader_options(data, train);
  if (!slot || slot->options() != options) {
    slot.reset();  // its images leave memory before others come
    slot = std::make_unique<Loader>(part, options);
  }
  return *slot;
}

}  // namespace lspt
