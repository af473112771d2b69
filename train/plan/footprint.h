/// What a pass over a batch allocates and releases, for a batch of any size.
#pragma once

#include <map>
#include <vector>

#include "engine/memory.h"

namespace lspt {

/// The memory pool without the memory: its blocks, how it reuses them, and how much it holds.
class PoolSketch {
 public:
  void allocate(size_t block);
  void release(size_t block) { ++idle_[block]; }
  double held() const { return held_; }

 private:
  std::map<size_t, int64_t> idle_;
  double held_ = 0;
};

/// The sizes of a pass's allocations are affine in the images, their order is always the same: two
/// traces tell both. Only what threads take for themselves comes in any order; it does not depend
/// on the images and is taken from the larger pass.
class Footprint {
 public:
  using Events = std::vector<memory::Trace::Event>;
  Footprint() = default;
  /// Of a pass over so many images, and of one over twice as many. If they are not alike that is
  /// said (engine/notice.h), and this one takes nothing.
  Footprint(const Events& one, const Events& two, int64_t images);

  void replay(PoolSketch& pool, int64_t images) const;

 private:
  struct Event {
    double once, an_image;  // bytes of an allocation
    int64_t releases;       // as in memory::Trace
  };
  std::vector<Event> events_;
};

}  // namespace lspt
