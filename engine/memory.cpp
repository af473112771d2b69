#include "engine/memory.h"

#include <omp.h>
#include <sys/resource.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "engine/cuda.h"
#include "engine/kernel.h"

namespace lspt::memory {
namespace {

struct Pool {
  explicit Pool(Device on) : device(on) {}
  const Device device;
  std::mutex mutex;
  Blocks idle;
  Arena* arena = nullptr;  // in use
  Trace* trace = nullptr;
  std::unordered_map<void*, Arena*> owners;  // of blocks that are an arena's
  Stats stats;

  void* take(size_t bytes) const {
    if constexpr (kHasCuda)
      if (device == Device::cuda) return cuda::take(bytes);
    return std::aligned_alloc(64, bytes);
  }
  void give(void* block) const {
    if constexpr (kHasCuda)
      if (device == Device::cuda) return cuda::give(block);
    std::free(block);
  }
  void trim() {
    for (auto& [size, blocks] : idle)
      for (void* block : blocks) {
        stats.held_bytes -= size;
        give(block);
      }
    idle.clear();
  }
  [[noreturn]] void fail_without(size_t bytes) const {
    std::string left;
    if constexpr (kHasCuda)
      if (device == Device::cuda) {
        const cuda::MemoryInfo info = cuda::memory_info();
        left = ", " + std::to_string(info.free >> 20) + " of " + std::to_string(info.total >> 20) +
               " MiB free";
      }
    fail(ErrorKind::kMemory, "out of ", device == Device::cuda ? "GPU " : "",
         "memory: ", bytes >> 20, " MiB wanted, ", stats.live_bytes >> 20, " MiB in tensors", left,
         "; a smaller --batch-size needs less, --dtype bf16 about half");
  }
};

// Never destroyed: tensors in static objects may be released after main returns. A block of the GPU
// is given out again while kernels that read it are still queued: all work is on one stream, so
// the next owner's kernels come after them.
Pool& pool(Device device) {
  static Pool* const pools[] = {new Pool(Device::cpu), new Pool(Device::cuda)};
  return *pools[static_cast<int>(device)];
}

}  // namespace

// One of eight steps per power of two: at most 12.5% is lost, and the blocks of one step of
// training are found again by exact size in the next.
size_t block_bytes(size_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0);
  const size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

void* allocate(size_t bytes, Device device) {
  require(kHasCuda || device == Device::cpu, "allocate: this build has no CUDA");
  const size_t size = block_bytes(bytes);
  Pool& p = pool(device);
  const std::lock_guard lock(p.mutex);
  void* block = nullptr;
  auto& idle = p.arena ? p.arena->idle_ : p.idle;
  if (const auto it = idle.find(size); it != idle.end() && !it->second.empty()) {
    block = it->second.back();
    it->second.pop_back();
  } else {
    block = p.take(size);
    if (!block) {
      p.trim();
      block = p.take(size);
    }
    if (!block) p.fail_without(size);
    if (p.arena) p.owners[block] = p.arena;
    p.stats.held_bytes += size;
    ++p.stats.system_calls;
  }
  p.stats.live_bytes += size;
  p.stats.peak_bytes = std::max(p.stats.peak_bytes, p.stats.live_bytes);
  if (Trace* trace = p.trace) {
    trace->events_.push_back({bytes, -1, omp_in_parallel() != 0});
    trace->numbers_[block] = trace->next_++;
  }
  return block;
}

void release(void* data, size_t bytes, Device device) {
  if (!data) return;
  Pool& p = pool(device);
  const std::lock_guard lock(p.mutex);
  const auto owner = p.owners.find(data);
  (owner == p.owners.end() ? p.idle : owner->second->idle_)[block_bytes(bytes)].push_back(data);
  p.stats.live_bytes -= block_bytes(bytes);
  if (!p.trace) return;
  if (const auto node = p.trace->numbers_.extract(data))
    p.trace->events_.push_back({bytes, node.mapped(), omp_in_parallel() != 0});
}

void zero(void* data, size_t bytes, Device device) {
  if constexpr (kHasCuda)
    if (device == Device::cuda) return cuda::zero(data, bytes);
  if (bytes) std::memset(data, 0, bytes);
}

Arena::Arena(Device device) : device_(device) {}

Arena::~Arena() {
  Pool& p = pool(device_);
  const std::lock_guard lock(p.mutex);
  for (auto& [size, blocks] : idle_)
    p.idle[size].insert(p.idle[size].end(), blocks.begin(), blocks.end());
  std::erase_if(p.owners, [this](const auto& block) { return block.second == this; });
}

Arena::Use::Use(Arena& arena) : arena_(arena) {
  Pool& p = pool(arena.device_);
  const std::lock_guard lock(p.mutex);
  before_ = std::exchange(p.arena, &arena);
}

Arena::Use::~Use() {
  Pool& p = pool(arena_.device_);
  const std::lock_guard lock(p.mutex);
  p.arena = before_;
}

Trace::Trace(Device device) : device_(device) {
  Pool& p = pool(device_);
  const std::lock_guard lock(p.mutex);
  p.trace = this;
}

Trace::~Trace() {
  Pool& p = pool(device_);
  const std::lock_guard lock(p.mutex);
  p.trace = nullptr;
}

Stats stats(Device device) {
  Pool& p = pool(device);
  const std::lock_guard lock(p.mutex);
  return p.stats;
}

void reset_peak(Device device) {
  Pool& p = pool(device);
  const std::lock_guard lock(p.mutex);
  p.stats.peak_bytes = p.stats.live_bytes;
}

void trim(Device device) {
  Pool& p = pool(device);
  const std::lock_guard lock(p.mutex);
  p.trim();
}

size_t process_peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace lspt::memory
