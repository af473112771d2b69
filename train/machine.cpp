#include "train/machine.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>

#include "engine/cuda.h"
#include "engine/kernel.h"
#include "engine/notice.h"
#include "engine/parallel.h"
#include "engine/processors.h"
#include "engine/waiting.h"

namespace lspt {

void set_up_machine(const MachineSettings& machine) {
  // Images come and go: their memory stays with the process, instead of being fetched anew, and
  // cleared by the system, for each.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  if (machine.device == Device::cuda)
    if constexpr (kHasCuda) cuda::allow_tf32(machine.tf32);
  use_threads(machine.threads);
}

void use_threads(int asked) {
  const int allowed = processors_allowed();
  if (asked > allowed)
    notice("--threads " + std::to_string(asked) + ": this process may use " +
           std::to_string(allowed) +
           " processors (affinity and control group); more threads than "
           "that wait for each other");
  if (asked > 0)
    set_thread_count(asked);
  else if (!std::getenv("OMP_NUM_THREADS"))
    set_thread_count(std::min(thread_count(), allowed));
  watch_waiting();
}

std::string device_text(Device device) {
  if constexpr (kHasCuda)
    if (device == Device::cuda) return cuda::describe();
  return "cpu, threads " + std::to_string(thread_count());
}

Capture capture_of(const MachineSettings& machine, int64_t batch) {
  const bool gpu = machine.device == Device::cuda, asked = machine.cuda_graph == CudaGraph::on;
  const char* sync = std::getenv("LSPT_CUDA_SYNC");
  const bool one_by_one = sync && std::string(sync) == "1";
  require(!asked || (gpu && !one_by_one), ErrorKind::kUsage,
          "--cuda-graph on: ", gpu ? "contradicts LSPT_CUDA_SYNC=1" : "the device is the CPU");
  if (!gpu || one_by_one || machine.cuda_graph == CudaGraph::off) return {};
  return {.batch = batch, .required = asked};
}

}  // namespace lspt
