// The device, its one stream, and what is done about errors. Everything is launched into one
// stream, so that order is the program's; the host waits only where it reads (the loss, logits).
// Memory of graphs, timing by op, and the libraries that are opened when first used are here
// too.
#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "engine/cuda.cuh"
#include "engine/text.h"

namespace lspt::cuda {
namespace {

const char* op_under_way = "cuda";
bool capture_under_way = false;

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::string versions() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);  // 0 without a driver
  cudaRuntimeGetVersion(&runtime);
  return (driver == 0 ? "no driver" : "driver for CUDA " + version(driver)) + ", runtime " +
         version(runtime);
}

cudaDeviceProp properties() {
  cudaDeviceProp p{};
  int device = 0;
  LSPT_CHECK(cudaGetDevice(&device));
  LSPT_CHECK(cudaGetDeviceProperties(&p, device));
  return p;
}

void* open_library(const char* library) {
  static std::map<std::string, void*>& opened = *new std::map<std::string, void*>;
  void*& handle = opened[library];
  if (!handle) handle = dlopen(*library ? library : nullptr, RTLD_NOW | RTLD_LOCAL);
  return handle;
}

__global__ void some_kernel() {}

std::string find_what_is_wrong() {
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess || count == 0) {
    cudaGetLastError();
    return "no usable GPU: " +
           std::string(count == 0 && status == cudaSuccess ? "none is visible"
                                                           : cudaGetErrorString(status)) +
           " (" + versions() + ")";
  }
  cudaFuncAttributes attributes{};
  if (const cudaError_t status = cudaFuncGetAttributes(&attributes, some_kernel);
      status != cudaSuccess) {
    cudaGetLastError();
    const cudaDeviceProp p = properties();
    return std::string(p.name) + " is sm_" + std::to_string(10 * p.major + p.minor) +
           ", for which this program holds no code (" + cudaGetErrorString(status) + "; " +
           versions() + "); build it with ARCH=" + std::to_string(10 * p.major + p.minor);
  }
  if (const std::string why = missing(kCublasLt); !why.empty())
    return std::string(properties().name) + ": " + why;
  return "";
}

[[noreturn]] void fail_call(const char* call, const std::string& reason) {
  fail(ErrorKind::kInternal, op_under_way, " on the GPU: ", call, ": ", reason);
}

/// Launches between start_profile and stop_profile; events are made once and used again.
struct Profile {
  struct Record {
    const char* name;
    int64_t bytes, operations;
    cudaEvent_t begin, end;
    int64_t launches = 0;
  };
  bool on = false;
  int depth = 0;  // of ops under way
  std::vector<Record> records;
  std::vector<cudaEvent_t> spare;

  /// Recorded on the stream now.
  cudaEvent_t event() {
    if (spare.empty()) {
      spare.emplace_back();
      LSPT_CHECK(cudaEventCreate(&spare.back()));
    }
    const cudaEvent_t made = spare.back();
    spare.pop_back();
    cudaEventRecord(made, stream());
    return made;
  }
};
Profile profile;
constexpr size_t kNoRecord = ~size_t{0};

}  // namespace

std::string missing(const char* library) {
  if (open_library(library)) return "";
  return std::string("cannot load ") + library + ": " + dlerror();
}

void* symbol(const char* library, const char* name) {
  void* const handle = open_library(library);
  void* const found = handle ? dlsym(handle, name) : nullptr;
  require(found != nullptr, library, ": ", name, ": ", found ? "" : dlerror());
  return found;
}

bool is_there() {
  int count = 0, driver = 0;
  cudaDriverGetVersion(&driver);  // 0 without a driver
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  return status == cudaSuccess ? count > 0 : driver != 0 && status != cudaErrorNoDevice;
}

const std::string& unusable() {
  static const std::string answer = find_what_is_wrong();
  return answer;
}

std::string describe() {
  const cudaDeviceProp p = properties();
  const std::string uuid = to_hex(p.uuid.bytes, sizeof p.uuid.bytes);
  return std::string(p.name) + ", GPU-" + uuid + ", sm_" + std::to_string(10 * p.major + p.minor) +
         ", " + std::to_string(p.totalGlobalMem >> 30) + " GiB, " + versions();
}

int compute_capability() {
  const cudaDeviceProp p = properties();
  return 10 * p.major + p.minor;
}

cudaStream_t stream() {
  static const cudaStream_t instance = [] {
    cudaStream_t made{};
    LSPT_CHECK(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    return made;
  }();
  return instance;
}

void synchronize() { LSPT_CHECK(cudaStreamSynchronize(stream())); }

void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) [[unlikely]]
    fail_call(call, std::string(cudaGetErrorName(status)) + ", " + cudaGetErrorString(status));
}

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    fail_call(call, LT(cublasLtGetStatusString)(status));
}

OpScope::OpScope(const char* name, int64_t bytes, int64_t operations)
    : outer_(op_under_way), record_(kNoRecord) {
  op_under_way = name;
  nvtxRangePushA(name);
  if (!profile.on || profile.depth++ > 0) return;  // an op inside another is part of it
  record_ = profile.records.size();
  const cudaEvent_t begin = profile.event();
  profile.records.push_back({name, bytes, operations, begin, {}, 0});
}

OpScope::~OpScope() {
  if (record_ != kNoRecord) profile.records[record_].end = profile.event();
  if (profile.on) --profile.depth;
  nvtxRangePop();
  op_under_way = outer_;
}

void launched() {
  if (profile.on && profile.depth > 0) ++profile.records.back().launches;
  static const bool wait = [] {
    const char* value = std::getenv("LSPT_CUDA_SYNC");
    return value && std::string(value) == "1";
  }();
  if (wait) synchronize();
}

void* take(size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaSuccess) return data;
  cudaGetLastError();
  if (status != cudaErrorMemoryAllocation) check(status, "cudaMalloc");
  return nullptr;
}

void give(void* data) { cudaFree(data); }

MemoryInfo memory_info() {
  MemoryInfo info{};
  LSPT_CHECK(cudaMemGetInfo(&info.free, &info.total));
  return info;
}

void zero(void* data, size_t bytes) {
  if (bytes == 0) return;
  const OpScope op("zero", static_cast<int64_t>(bytes));
  LSPT_CHECK(cudaMemsetAsync(data, 0, bytes, stream()));
}

void copy_to_device(void* to, const void* from, size_t bytes) {
  const OpScope op("copy to device", static_cast<int64_t>(bytes));
  LSPT_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
}

void copy_to_host(void* to, const void* from, size_t bytes) {
  const OpScope op("copy to host", static_cast<int64_t>(bytes));
  LSPT_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
  synchronize();
}

std::shared_ptr<void> capture(const std::function<void()>& body) {
  const OpScope op("capture", 0);
  // Relaxed: the loader's threads may copy on streams of their own meanwhile.
  LSPT_CHECK(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));
  cudaGraph_t recorded{};
  const auto end = [&] {
    capture_under_way = false;
    return cudaStreamEndCapture(stream(), &recorded);
  };
  capture_under_way = true;
  try {
    body();
  } catch (...) {
    end();
    if (recorded) cudaGraphDestroy(recorded);
    cudaGetLastError();
    throw;
  }
  LSPT_CHECK(end());
  const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, decltype(&cudaGraphDestroy)> graph(
      recorded, cudaGraphDestroy);
  cudaGraphExec_t executable{};
  LSPT_CHECK(cudaGraphInstantiate(&executable, graph.get(), 0));
  const std::shared_ptr<void> made(
      executable, [](void* e) { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(e)); });
  LSPT_CHECK(cudaGraphUpload(executable, stream()));  // what it needs is taken now or never
  return made;
}

bool capturing() { return capture_under_way; }

void replay(const std::shared_ptr<void>& graph) {
  const OpScope op("replay", 0);
  LSPT_CHECK(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph.get()), stream()));
  launched();
}

void start_profile() {
  profile.on = true;
  profile.records.clear();
}

std::vector<OpTime> stop_profile() {
  profile.on = false;
  synchronize();
  std::map<std::string, OpTime> sums;
  for (const Profile::Record& record : profile.records) {
    OpTime& sum = sums[record.name];
    float milliseconds = 0;
    LSPT_CHECK(cudaEventElapsedTime(&milliseconds, record.begin, record.end));
    sum.name = record.name;
    sum.launches += record.launches;
    sum.milliseconds += static_cast<double>(milliseconds);
    sum.operations += static_cast<double>(record.operations);
    sum.bytes += static_cast<double>(record.bytes);
    profile.spare.insert(profile.spare.end(), {record.begin, record.end});
  }
  profile.records.clear();
  std::vector<OpTime> out;
  for (const auto& [name, sum] : sums) out.push_back(sum);
  std::sort(out.begin(), out.end(),
            [](const OpTime& a, const OpTime& b) { return a.milliseconds > b.milliseconds; });
  return out;
}

}  // namespace lspt::cuda
