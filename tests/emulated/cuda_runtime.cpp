// Errors, the device, its memory and launches; streams and graphs are in streams.cpp.
#include "tests/emulated/cuda_runtime.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

thread_local cudaError_t last_error = cudaSuccess;

/// Device memory that is taken: its bytes by its address. It lies in one stretch of addresses that
/// only kernels and copies may touch if LSPT_EMULATED_LOCK=1: host code that reads it then ends
/// with a signal, as on a GPU (and every launch takes longer). Blocks are never returned to the
/// system; a freed one serves the next request of its size. Otherwise blocks come from malloc,
/// whose overflows the address sanitizer reports, and are open to all.
struct {
  std::mutex mutex;
  std::map<uintptr_t, size_t> blocks;
  std::multimap<size_t, void*> freed;
  size_t used = 0;
  char* base = nullptr;
  size_t end = 0;  // of the part of the stretch that was ever handed out
  int unlocked = 0;
} memory;

constexpr size_t kStretch = size_t{64} << 30;
const bool kLocks = [] {
  const char* lock = std::getenv("LSPT_EMULATED_LOCK");
  return lock != nullptr && *lock == '1';
}();

void* take_block(size_t bytes) {
  if (!kLocks) {
    void* block = nullptr;
    return posix_memalign(&block, 256, bytes) == 0 ? block : nullptr;
  }
  if (memory.base == nullptr)
    memory.base = static_cast<char*>(
        mmap(nullptr, kStretch, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (const auto it = memory.freed.find(bytes); it != memory.freed.end()) {
    void* block = it->second;
    memory.freed.erase(it);
    return block;
  }
  const size_t begin = memory.end, room = (bytes + 511) / 256 * 256;  // 256 bytes apart at least
  if (memory.base == MAP_FAILED || room > kStretch - begin) return nullptr;
  memory.end += room;
  if (memory.unlocked > 0) mprotect(memory.base, memory.end, PROT_READ | PROT_WRITE);
  return memory.base + begin;
}

size_t total_memory() {
  const char* limit = std::getenv("LSPT_EMULATED_MEMORY");
  return limit ? std::strtoull(limit, nullptr, 10) : size_t{16} << 30;
}

/// Whether this many bytes from here on are inside one block of device memory.
bool on_device(const void* data, size_t bytes) {
  const std::lock_guard lock(memory.mutex);
  const auto address = reinterpret_cast<uintptr_t>(data);
  auto it = memory.blocks.upper_bound(address);
  if (it == memory.blocks.begin()) return false;
  --it;
  return address < it->first + it->second && bytes <= it->first + it->second - address;
}

bool copyable(const void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return true;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  // One byte of the host's side: it is wrong as soon as any device memory begins there.
  return on_device(to, to_device ? bytes : 1) == to_device &&
         on_device(from, from_device ? bytes : 1) == from_device;
}

int device_count() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible && (*visible == '\0' || *visible == '-') ? 0 : 1;
}

}  // namespace

bool emulated::registered() { return true; }

cudaError_t emulated::done(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}
using emulated::done;

emulated::Unlocked::Unlocked() {
  if (kLocks && memory.unlocked++ == 0 && memory.end > 0)
    mprotect(memory.base, memory.end, PROT_READ | PROT_WRITE);
}
emulated::Unlocked::~Unlocked() {
  if (kLocks && --memory.unlocked == 0 && memory.end > 0)
    mprotect(memory.base, memory.end, PROT_NONE);
}

void emulated::check_pointer(const void* pointer) {
  if (pointer != nullptr && !on_device(pointer, 1))
    misuse("a kernel is given a pointer that is not into device memory");
}

bool emulated::launchable(dim3 grid, dim3 block, size_t dynamic_shared) {
  if (block.y != 1 || block.z != 1) misuse("only blocks of one dimension are emulated");
  if (dynamic_shared != 0) misuse("dynamic shared memory is not emulated");
  return grid.x > 0 && grid.x < 1u << 31 && grid.y > 0 && grid.y < 65536 && grid.z > 0 &&
         grid.z < 65536 && block.x > 0 && block.x <= 1024;
}

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

static std::pair<const char*, const char*> describe(cudaError_t error) {
#define EMULATED_ERROR(name, text) \
  case name:                       \
    return { #name, text }
  switch (error) {
    EMULATED_ERROR(cudaSuccess, "no error");
    EMULATED_ERROR(cudaErrorInvalidValue, "invalid argument");
    EMULATED_ERROR(cudaErrorMemoryAllocation, "out of memory");
    EMULATED_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument");
    EMULATED_ERROR(cudaErrorInsufficientDriver,
                   "CUDA driver version is insufficient for CUDA runtime version");
    EMULATED_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected");
    EMULATED_ERROR(cudaErrorInvalidDevice, "invalid device ordinal");
    EMULATED_ERROR(cudaErrorNoKernelImageForDevice,
                   "no kernel image is available for execution on the device");
    EMULATED_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle");
    EMULATED_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state");
    EMULATED_ERROR(cudaErrorNotReady, "device not ready");
    EMULATED_ERROR(cudaErrorStreamCaptureUnsupported,
                   "operation not permitted when stream is capturing");
    EMULATED_ERROR(cudaErrorStreamCaptureInvalidated,
                   "operation failed due to a previous error during capture");
    EMULATED_ERROR(cudaErrorStreamCaptureIsolation,
                   "dependency created on uncaptured work in another stream");
    EMULATED_ERROR(cudaErrorCapturedEvent,
                   "operation not permitted on an event last recorded in a "
                   "capturing stream");
  }
#undef EMULATED_ERROR
  return {"cudaErrorUnknown", "unknown error"};
}
const char* cudaGetErrorName(cudaError_t error) { return describe(error).first; }
const char* cudaGetErrorString(cudaError_t error) { return describe(error).second; }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  return done(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return done(device_count() == 0 ? cudaErrorNoDevice : cudaSuccess);
}
cudaError_t cudaSetDevice(int device) {
  if (device_count() == 0) return done(cudaErrorNoDevice);
  return done(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = cudaSetDevice(device); error != cudaSuccess) return error;
  *properties = {.name = "emulated",
                 .uuid = {"emulated"},
                 .totalGlobalMem = total_memory(),
                 .sharedMemPerBlock = 48 << 10,
                 .major = 9,
                 .minor = 0,
                 .multiProcessorCount = 4,
                 .l2CacheSize = 1 << 20,
                 .maxThreadsPerBlock = 1024,
                 .warpSize = 32};
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return done(emulated::allowed() ? cudaSuccess : cudaErrorStreamCaptureUnsupported);
}

cudaError_t cudaMalloc(void** data, size_t bytes) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  *data = nullptr;
  if (bytes == 0) return cudaSuccess;
  const std::lock_guard lock(memory.mutex);
  const size_t total = total_memory();
  if (memory.used > total || bytes > total - memory.used) return done(cudaErrorMemoryAllocation);
  *data = take_block(bytes);
  if (*data == nullptr) return done(cudaErrorMemoryAllocation);
  {
    const emulated::Unlocked unlocked;
    std::memset(*data, 0xff, bytes);
  }
  memory.blocks.emplace(reinterpret_cast<uintptr_t>(*data), bytes);
  memory.used += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  if (data == nullptr) return cudaSuccess;
  const std::lock_guard lock(memory.mutex);
  const auto it = memory.blocks.find(reinterpret_cast<uintptr_t>(data));
  if (it == memory.blocks.end()) return done(cudaErrorInvalidValue);
  memory.used -= it->second;
  if (kLocks)
    memory.freed.emplace(it->second, data);
  else
    std::free(data);
  memory.blocks.erase(it);
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  *data = nullptr;
  if (bytes == 0) return cudaSuccess;
  return done(posix_memalign(data, 256, bytes) == 0 ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* data) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  const std::lock_guard lock(memory.mutex);
  *total = total_memory();
  *available = *total - std::min(*total, memory.used);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!copyable(to, from, bytes, kind)) return done(cudaErrorInvalidValue);
  emulated::run_or_record(stream, [=] { std::memmove(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!on_device(data, bytes)) return done(cudaErrorInvalidValue);
  emulated::run_or_record(stream, [=] { std::memset(data, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* data, int value, size_t bytes) {
  if (!emulated::allowed()) return done(cudaErrorStreamCaptureUnsupported);
  return cudaMemsetAsync(data, value, bytes, nullptr);
}
