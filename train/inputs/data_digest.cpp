#include "train/inputs/data_digest.h"

#include <algorithm>
#include <filesystem>

#include "engine/digest.h"
#include "train/output/console.h"

namespace lspt {
namespace {

int64_t seconds_of(const Sample& sample) { return sample.stamp.modified / 1'000'000'000; }

template <typename Visit>
void each_sample(const Dataset& dataset, const Visit& visit) {
  for (const auto* part : {&dataset.train, &dataset.val, &dataset.test})
    for (const Sample& sample : *part) visit(sample);
}

}  // namespace

DataDigest data_digest_of(const Dataset& dataset) {
  Digest names, images, times;
  DataDigest out;
  each_sample(dataset, [&](const Sample& sample) {
    const std::string name = std::filesystem::path(sample.path).filename().string();
    const std::string label = std::to_string(sample.label);
    for (const std::string& text : {name, label}) names.add(text);
    for (const std::string& text : {name, label, std::to_string(sample.stamp.bytes)})
      images.add(text);
    times.add(std::to_string(seconds_of(sample)));
    out.newest = std::max(out.newest, seconds_of(sample));
  });
  out.names = names.hex();
  out.images = images.hex();
  out.times = times.hex();
  return out;
}

bool same_images(const DataDigest& a, const DataDigest& b) {
  return a.names == b.names && (a.images == b.images || a.images.empty() || b.images.empty());
}

std::string modified_since(const DataDigest& then, const Dataset& now) {
  if (then.times.empty() || then.times == data_digest_of(now).times) return "";
  int64_t images = 0, newer = 0;
  std::string example;
  each_sample(now, [&](const Sample& sample) {
    ++images;
    if (seconds_of(sample) > then.newest && newer++ == 0) example = sample.path;
  });
  if (newer == 0)
    return "images have other times of modification than when the run began; their names and "
           "sizes are the same";
  return grouped(newer) + " of " + grouped(images) +
         " images were modified since the run began, for example " + example +
         "; their names and sizes are the same";
}

}  // namespace lspt
