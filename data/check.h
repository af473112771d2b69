/// Looks at every image of a data set and says what is wrong with it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace lspt {

enum class Split : uint8_t { train, val, test };
inline constexpr std::array<const char*, 3> kSplitNames = {"train", "val", "test"};

struct CheckedImage {
  Split split = Split::train;
  int label = 0;
  std::string path;
};

struct UnreadableImage {
  CheckedImage image;
  std::string why;  ///< missing: the line that lists it; unreadable: the decoder's message
};

/// Images that decode to the same pixels. A group is one, two or all of the three below.
struct SameContent {
  bool same_bytes = false;  ///< else the files differ: saved again, or other metadata
  bool conflict = false;    ///< two labels: at least one is wrong
  bool leak = false;        ///< two splits have it
  bool repeat = false;      ///< a split has it twice
  std::vector<CheckedImage> images = {};
};

/// Images that are read as they should be, but that other tools may read otherwise.
struct CareCounts {
  int64_t misnamed = 0;  ///< the name says another format than the content
  int64_t gray = 0, cmyk = 0, alpha = 0, deep = 0;
  int64_t turned = 0;  ///< EXIF orientation 2 to 8, which is ignored
  int64_t small = 0;   ///< a side is shorter than the network's input: enlarged
};

struct CheckReport {
  std::array<std::vector<int64_t>, 3> images;        ///< listed, per split and class
  std::vector<UnreadableImage> missing, unreadable;  ///< in the order of the splits
  std::vector<SameContent> same;                     ///< by first image
  std::vector<int> untrained;  ///< labels that val or test has, and train has not
  std::string refused;         ///< why training would not begin (check_trainable); "" if it would
  CareCounts care;
  /// SHA-256 of a hash of the bytes, the name and the label of each image, whatever their order and
  /// splits; "" if a file could not be read.
  std::string content;
  int64_t decoded = 0, bytes = 0;  ///< images that could be, and the size of their files

  int64_t count(bool SameContent::*kind) const;
  /// What training stumbles over: missing and unreadable images, labels that contradict each other,
  /// splits that it refuses.
  bool wrong() const;
  /// What makes its result doubtful: leaks, repeated images, classes without training images.
  bool doubtful() const;
};

struct CheckOptions {
  int img_size = 224;            ///< for CareCounts::small, and what a very long image becomes
  DatasetOptions training = {};  ///< how training would open it: for what it holds out
};

/// Decodes every image once, on all threads, and keeps 32 bytes of hashes of each: SHA-256, cut to
/// 128 bits, of the file and of the pixels with their size. `progress` gets the number of images
/// done, on the calling thread. The report does not depend on the number of threads.
CheckReport check(const Dataset& data, const CheckOptions& options,
                  const std::function<void(int64_t)>& progress);

}  // namespace lspt
