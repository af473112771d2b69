/// What goes wrong in loaders while they are used.
#pragma once

#include <set>
#include <vector>

#include "data/loader.h"
#include "train/output/console.h"

namespace lspt {

/// Warns, once each, of images that loaders left out (five by name, then how many) and of a cache
/// file that is given up.
class LoaderWatch {
 public:
  explicit LoaderWatch(const std::vector<const BatchSource*>& loaders) {
    for (const BatchSource* loader : loaders) loaders_.push_back({loader, {}});
  }
  void say(Console& console);

 private:
  struct Watched {
    const BatchSource* loader;
    std::set<int64_t> said;
  };
  std::vector<Watched> loaders_;
  int named_ = 0;
  bool trouble_said_ = false;
};

}  // namespace lspt
