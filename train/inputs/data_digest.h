/// Whether two data sets hold the same images, as far as names, labels and files' sizes tell.
#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.h"

namespace lspt {

struct DataDigest {
  std::string names = {};   ///< SHA-256 of names and labels in order, and no folders
  std::string images = {};  ///< of sizes too; "" in checkpoints from before there was such a hash
  std::string times = {};   ///< of times of modification in seconds, which copies need not have
  int64_t newest = 0;       ///< the latest of these
  /// What identifies the images: results.json's data_sha256.
  const std::string& sha256() const { return images.empty() ? names : images; }
};

/// Of all images, split by split. Nothing is read: sizes and times are those of Sample::stamp.
DataDigest data_digest_of(const Dataset& dataset);

/// By names alone where one of the two is from before.
bool same_images(const DataDigest& a, const DataDigest& b);

/// Of the same images, if some have other times than they had `then`: a sentence that says how many
/// are newer than all were, with an example. Else "".
std::string modified_since(const DataDigest& then, const Dataset& now);

}  // namespace lspt
