#include "train/plan/footprint.h"

#include <algorithm>
#include <cmath>

#include "engine/notice.h"

namespace lspt {
namespace {

/// Sizes of the allocations whose order is certain.
std::vector<double> ordered_bytes(const Footprint::Events& events) {
  std::vector<double> bytes;
  for (const auto& event : events)
    if (event.releases < 0 && !event.parallel) bytes.push_back(static_cast<double>(event.bytes));
  return bytes;
}

}  // namespace

void PoolSketch::allocate(size_t block) {
  if (int64_t& idle = idle_[block]; idle > 0)
    --idle;
  else
    held_ += static_cast<double>(block);
}

Footprint::Footprint(const Events& one, const Events& two, int64_t images) {
  const std::vector<double> small = ordered_bytes(one), large = ordered_bytes(two);
  if (small.size() != large.size()) {
    notice("what a step takes of the memory cannot be told from smaller ones");
    return;
  }
  for (size_t next = 0; const auto& event : two) {
    Event mine{static_cast<double>(event.bytes), 0, event.releases};
    if (event.releases < 0 && !event.parallel) {
      mine.an_image = (large[next] - small[next]) / static_cast<double>(images);
      mine.once = 2 * small[next] - large[next];
      ++next;
    }
    events_.push_back(mine);
  }
}

void Footprint::replay(PoolSketch& pool, int64_t images) const {
  std::vector<size_t> blocks;  // by number
  for (const Event& event : events_) {
    if (event.releases >= 0) {
      pool.release(blocks[static_cast<size_t>(event.releases)]);
      continue;
    }
    const double bytes = event.once + event.an_image * static_cast<double>(images);
    blocks.push_back(memory::block_bytes(static_cast<size_t>(std::llround(std::max(0.0, bytes)))));
    pool.allocate(blocks.back());
  }
}

}  // namespace lspt
