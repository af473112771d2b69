/// A small procedural fine-grained data set: drawn birds, in CUB-200-2011's layout.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lspt {

/// Classes come in genera (shape and basic plumage); those of one genus differ in a single trait,
/// which names them: "003.Red_crowned_Longbeak".
struct SynthOptions {
  std::string output;  ///< a folder that does not exist yet or is empty
  int classes = 12;    ///< 2..kSynthClasses
  int train_per_class = 30;
  int test_per_class = 12;
  int size = 112;  ///< width and height of the images, 16..1024
  uint64_t seed = 0;
};
inline constexpr int kSynthClasses = 120;

/// Writes images/, images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt and
/// classes.txt, the lists after the images: an interrupted run leaves nothing that opens as a data
/// set. The same options give the same bytes. `progress` (may be empty) is called with images done
/// and images in all. Throws Error(kUsage) for options out of range or an output that is not empty,
/// Error(kWrite) if it cannot be written.
void synth(const SynthOptions& options,
           const std::function<void(int64_t done, int64_t total)>& progress = {});

}  // namespace lspt
