/// The GPU as the rest of the program sees it, without a CUDA header: is there one, moving bytes,
/// and what its time goes to. In a build without CUDA nothing here is defined; callers stand behind
/// `if constexpr (kHasCuda)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lspt::cuda {

/// Whether a card is visible (CUDA_VISIBLE_DEVICES), usable or not.
bool is_there();
/// Why no GPU can be used: no driver, one older than the runtime, no card, or a card for which this
/// build holds no code. Empty if one can. Asked once, and not while static objects are made:
/// kernels are registered then. The card is the first visible one.
const std::string& unusable();
/// "NVIDIA H200, GPU-1234…, sm_90, 139 GiB, driver 13.0, runtime 13.0"
std::string describe();
/// 90 for compute capability 9.0.
int compute_capability();

/// Waits for the stream; throws what went wrong on it.
void synchronize();

/// Device memory, or nullptr if there is none left.
void* take(size_t bytes);
void give(void* data);
struct MemoryInfo {
  size_t free, total;
};
MemoryInfo memory_info();
/// On the stream, in order. `to_host` returns when the bytes are there.
void zero(void* data, size_t bytes);
void copy_to_device(void* to, const void* from, size_t bytes);
void copy_to_host(void* to, const void* from, size_t bytes);

/// Products of f32 may round their inputs to TF32 (10 bits of mantissa); off unless asked for.
void allow_tf32(bool allow);

/// What `body` puts on the stream, recorded instead of run: a CUDA graph. It keeps addresses, so
/// the memory that `body` used must stay as it is (memory::Arena). `replay` runs it.
std::shared_ptr<void> capture(const std::function<void()>& body);
/// Whether `capture` is under way.
bool capturing();
void replay(const std::shared_ptr<void>& graph);

/// What one op's launches took between start_profile and stop_profile, and the least they had to
/// do.
struct OpTime {
  std::string name;
  int64_t launches = 0;  ///< kernels and calls of libraries
  double milliseconds = 0, operations = 0, bytes = 0;
};
void start_profile();
/// By falling time.
std::vector<OpTime> stop_profile();

}  // namespace lspt::cuda
