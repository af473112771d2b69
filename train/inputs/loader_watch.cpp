#include "train/inputs/loader_watch.h"

#include <utility>

namespace lspt {

void LoaderWatch::say(Console& console) {
  size_t more = 0;
  for (Watched& watched : loaders_) {
    for (const BadImage& bad : watched.loader->bad_images()) {
      if (!watched.said.insert(bad.index).second) continue;
      if (++named_ <= 5)
        console.warn("left out: " + bad.error);
      else
        ++more;
    }
    if (const std::string trouble = watched.loader->cache_trouble();
        !trouble.empty() && !std::exchange(trouble_said_, true))
      console.warn(trouble + "; going on without it");
  }
  if (more > 0) console.warn(format("left out: %zu more images that cannot be read", more));
}

}  // namespace lspt
