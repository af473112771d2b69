#include "engine/memory.h"

#include <sys/resource.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace lspt::memory {
namespace {

// Sizes are rounded up to one of eight steps per power of two: at most 12.5% is lost, and the
// blocks of one step of training are found again by exact size in the next.
size_t rounded(size_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0);
  const size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

struct Pool {
  std::mutex mutex;
  std::multimap<size_t, void*> idle;
  Stats stats;
};

// Never destroyed: tensors in static objects may be released after main returns.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

void trim_locked(Pool& p) {
  for (auto& [size, block] : p.idle) {
    p.stats.held_bytes -= size;
    std::free(block);
  }
  p.idle.clear();
}

}  // namespace

void* allocate(size_t bytes, Device device) {
  require(device == Device::cpu, "allocate: this build has no CUDA");
  const size_t size = rounded(bytes);
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  void* block = nullptr;
  if (const auto it = p.idle.find(size); it != p.idle.end()) {
    block = it->second;
    p.idle.erase(it);
  } else {
    block = std::aligned_alloc(64, size);
    if (!block) {
      trim_locked(p);
      block = std::aligned_alloc(64, size);
    }
    require(block != nullptr, ErrorKind::kMemory, "out of memory: ", size >> 20, " MiB wanted, ",
            p.stats.live_bytes >> 20, " MiB in tensors; a smaller --batch-size needs less");
    p.stats.held_bytes += size;
    ++p.stats.system_calls;
  }
  p.stats.live_bytes += size;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  return block;
}

void release(void* data, size_t bytes, Device) {
  if (!data) return;
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.idle.emplace(rounded(bytes), data);
  p.stats.live_bytes -= rounded(bytes);
}

void zero(void* data, size_t bytes, Device) {
  if (bytes) std::memset(data, 0, bytes);
}

Tensor to_host(const Tensor& tensor) { return tensor; }

Stats stats(Device) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  return p.stats;
}

void reset_peak(Device) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.stats.peak_bytes = p.stats.live_bytes;
}

void trim(Device) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  trim_locked(p);
}

size_t process_peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace lspt::memory
