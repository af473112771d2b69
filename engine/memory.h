/// The only malloc (and, with CUDA, cudaMalloc) of tensor memory: blocks are kept and reused, so
/// that a steady training step asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>

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

Stats stats(Device device = Device::cpu);
void reset_peak(Device device = Device::cpu);
/// Gives every block that is not in use back to the system.
void trim(Device device = Device::cpu);
/// Largest resident size of this process so far, in bytes.
size_t process_peak_bytes();

}  // namespace lspt::memory
