#include "train/inputs/inputs.h"

namespace lspt {
namespace {

/// The settings that a loader's content depends on, and more rather than less.
std::string loader_settings(const Options& o, bool train) {
  std::string out;
  for (const Flag& flag : flags()) {
    const bool counts = flag.group == "Data" || flag.group == "Machine" ||
                        (train ? flag.name == "batch-size" || flag.name == "seed"
                               : flag.name == "validation-batch-size");
    if ((flag.commands & kRun) && counts) out += flag.name + "=" + text_of(o, flag) + "\n";
  }
  return out;
}

}  // namespace

Inputs::Inputs(const Options& options)
    : data_(open_data(options)), digest_(data_digest_of(data_)) {}

void Inputs::load(const Options& options) {
  if (!options.weights.empty()) backbone_ = load_weights(options);
}

void Inputs::settle(Options& options) const {
  resolve_transform(options, data_.layout);
  resolve(options, backbone_ ? std::optional(backbone_->hint) : std::nullopt);
}

Loader& Inputs::kept(Kept& slot, const std::vector<Sample>& part, const Options& options,
                     bool train) {
  const std::string settings = loader_settings(options, train);
  if (!slot.loader || slot.settings != settings) {
    slot.loader.reset();  // its images leave memory before others come
    slot.loader = std::make_unique<Loader>(part, loader_options(options, train));
    slot.settings = settings;
  }
  return *slot.loader;
}

}  // namespace lspt
