/// The only malloc (and, with CUDA, cudaMalloc) of tensor memory: blocks are kept and reused, so
/// that a steady training step asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/tensor.h"

namespace lspt::memory {

struct Stats {
  size_t live_bytes = 0;     ///< in tensors now
  size_t peak_bytes = 0;     ///< largest live_bytes since the last reset_peak
  size_t held_bytes = 0;     ///< taken from the system, in use or kept for reuse
  int64_t system_calls = 0;  ///< allocations that had to ask the system
};

/// At least `bytes` of memory aligned to 64. Throws Error(kMemory) with the figures when none is
/// left.
void* allocate(size_t bytes, Device device);
void release(void* data, size_t bytes, Device device);
void zero(void* data, size_t bytes, Device device);

/// Blocks that nobody uses, by size. What was released last is given out first: it is still in a
/// cache.
using Blocks = std::map<size_t, std::vector<void*>>;

/// Blocks set aside: while one is in use (`Arena::Use`), what is allocated on its device comes from
/// it, and what was allocated from it goes back to it whenever it is released. A captured CUDA
/// graph writes to its addresses each time it is replayed; nobody else gets them.
class Arena {
 public:
  explicit Arena(Device device);
  ~Arena();  ///< its blocks become everybody's
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  class Use {
   public:
    explicit Use(Arena& arena);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Arena& arena_;
    Arena* before_;
  };

 private:
  friend void* allocate(size_t, Device);
  friend void release(void*, size_t, Device);
  Device device_;
  Blocks idle_;
};

/// What is allocated and released on a device while it lives, in order. One at a time.
class Trace {
 public:
  struct Event {
    size_t bytes;      ///< of an allocation
    int64_t releases;  ///< the number of the allocation that is released; -1: this is one
    bool parallel;     ///< beside those of other threads, in no certain order
  };
  explicit Trace(Device device);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  const std::vector<Event>& events() const { return events_; }

 private:
  friend void* allocate(size_t, Device);
  friend void release(void*, size_t, Device);
  Device device_;
  std::vector<Event> events_;
  std::map<void*, int64_t> numbers_;  // of what is not released yet
  int64_t next_ = 0;
};

/// Bytes of the block that so many are put into.
size_t block_bytes(size_t bytes);
Stats stats(Device device = Device::cpu);
void reset_peak(Device device = Device::cpu);
/// Gives every block that is not in use back to the system.
void trim(Device device = Device::cpu);
/// Largest resident size of this process so far, in bytes.
size_t process_peak_bytes();

}  // namespace lspt::memory
