// The checks of op_checks.h as a list, with what each allows.
#include <cstdlib>

#include "engine/memory.h"
#include "engine/parallel.h"
#include "tests/gpu.h"
#include "tests/op_checks.h"

namespace lspt::test {
namespace {

// bf16 has 8 significant bits; a result may carry a few roundings of 2^-9 each.
constexpr double kBf16 = 0.012;
// Another order of the sums of a product, relative to the largest element.
constexpr double kOtherSums = 2e-6;

/// A number of threads for as long as this lives.
struct Threads {
  explicit Threads(int count) : before(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before); }
  const int before;
};

Result on(Device device, const OpCase& c, DType dtype) {
  return run(c, inputs_of(c), {.dtype = dtype, .device = device});
}

double difference(const Result& a, const Result& b) {
  return std::max(largest_difference(a.outputs, b.outputs),
                  largest_difference(a.gradients, b.gradients));
}

Finding central_differences(const OpCase& c, DType, Device device) {
  const Threads one(1);  // thousands of tiny calls: a second thread costs more than it helps
  return {gradient_error(c, device), c.tolerance};
}

Finding pytorch(const OpCase& c, DType dtype, Device device) {
  return {pytorch_error(c, dtype, device), dtype == DType::f32 ? 1e-5 : kBf16};
}

Finding wide(const OpCase& c, DType, Device) { return {bf16_error(c), kBf16}; }

Finding cpu_and_gpu(const OpCase& c, DType dtype, Device) {
  return {difference(on(Device::cuda, c, dtype), on(Device::cpu, c, dtype)),
          dtype == DType::f32 ? 1e-5 : kBf16};
}

// Which product oneDNN makes for a number of threads is its own choice: there the last bit may
// move.
Finding threads(const OpCase& c, DType dtype, Device device) {
  const auto with = [&](int count) {
    const Threads these(count);
    return on(device, c, dtype);
  };
  return {difference(with(1), with(2)), !c.products           ? 0.0
                                        : dtype == DType::f32 ? kOtherSums
                                                              : kBf16};
}

// The emulated GPU of tests/emulated runs threads and blocks in the order that the environment
// names, so that a missing barrier shows in the bits; a real one has its own order every time.
Finding repeats(const OpCase& c, DType dtype, Device device) {
  const Result first = on(device, c, dtype);
  int others = 0;
  for (const char* order : {"reverse", "shuffle"}) {
    setenv("LSPT_EMULATED_ORDER", order, 1);
    others += on(device, c, dtype) != first;
    unsetenv("LSPT_EMULATED_ORDER");
  }
  return {static_cast<double>(others), 0};
}

Finding memory_returned(const OpCase& c, DType dtype, Device device) {
  on(device, c, dtype);  // what is made once and kept
  const memory::Stats before = memory::stats(device);
  on(device, c, dtype);
  const memory::Stats after = memory::stats(device);
  const auto lost = static_cast<double>(after.live_bytes) - static_cast<double>(before.live_bytes);
  // On the CPU it depends on the threads how many pieces of room there are at once.
  const auto calls =
      device == Device::cpu ? 0.0 : static_cast<double>(after.system_calls - before.system_calls);
  return {std::max(lost, calls), 0};
}

// Other gradients wanted, another product: on a card other sums.
Finding frozen(const OpCase& c, DType, Device device) {
  const Threads one(1);
  const bool exact = !c.products || (device == Device::cuda && gpu_is_emulated());
  return {frozen_difference(c, device), exact ? 0.0 : kOtherSums};
}

Finding adds(const OpCase& c, DType dtype, Device device) {
  return {accumulation_error(c, dtype, device), dtype == DType::f32 ? 1e-6 : kBf16};
}

Finding words(const std::string& text) { return {text.empty() ? 0.0 : 1.0, 0, text}; }

}  // namespace

const std::vector<OpCheck>& op_checks() {
  static const std::vector<OpCheck> all = {
      // name                                              f32   bf16   cpu   gpu
      {"gradients are those of central differences", true, false, true, true, central_differences},
      {"results and gradients are PyTorch's", true, true, true, true, pytorch},
      {"bf16 stays within its rounding of f32", false, true, true, false, wide},
      {"the GPU computes what the CPU computes", true, true, false, true, cpu_and_gpu},
      {"one thread and two give the same", true, true, true, false, threads},
      {"a repeat gives the same bits", true, true, true, true, repeats},
      {"all memory that it took is returned", true, true, true, true, memory_returned},
      {"freezing some inputs leaves the other gradients", true, false, true, true, frozen},
      {"it adds to a gradient that another reader left", true, true, true, true, adds},
      {"nothing is recorded without a tape or for constants", true, false, true, false,
       [](const OpCase& c, DType, Device) { return words(recorded_for_nothing(c)); }},
      {"a wrong shape of any input throws", true, false, true, false,
       [](const OpCase& c, DType, Device) { return words(wrong_shapes_accepted(c)); }},
  };
  return all;
}

}  // namespace lspt::test
