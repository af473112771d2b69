// Checks of the emulator itself: that right kernels give right results in every order of threads,
// that wrong ones are found, and that capture, copies and the memory limit behave as on a device.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/emulated/cuda_runtime.h"
#include "tests/emulated/selftest_kernels.h"

namespace {

int failures = 0;
#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "selftest.cpp:%d: %s is false\n", __LINE__, #condition); \
      ++failures;                                                                   \
    }                                                                               \
  } while (false)

template <typename... Parameters, typename... Arguments>
cudaError_t launch(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                   Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

/// What a child process that does this writes to stderr before it aborts; empty if it does not.
template <typename Body>
std::string last_words(const Body& body) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string words;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    words.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words : "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

/// Values in device memory.
template <typename T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values) : count_(values.size()) {
    cudaMalloc(&data_, count_ * sizeof(T));
    cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice);
  }
  explicit OnDevice(size_t count) : OnDevice(std::vector<T>(count)) {}
  ~OnDevice() { cudaFree(data_); }
  T* data() const { return data_; }
  std::vector<T> back() const {
    std::vector<T> values(count_);
    cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  size_t count_;
  T* data_ = nullptr;
};

template <typename T>
void check_shuffles() {
  const OnDevice<T> there(64 * 4);
  launch(nullptr, shuffles<T>, 1, 64, there.data());
  const std::vector<T> out = there.back();
  for (unsigned t = 0; t < 64; ++t) {
    const unsigned lane = t % 32;
    CHECK(out[t * 4] == static_cast<T>(t < 32 ? 496 : 1520));
    if (lane % 8 == 0) CHECK(out[t * 4 + 1] == static_cast<T>(8 * lane + 28));
    CHECK(out[t * 4 + 2] == static_cast<T>(lane / 16 * 16));
    CHECK(out[t * 4 + 3] == static_cast<T>(lane < 16 ? 3 : lane == 16 ? 16 : lane - 1));
  }
}

void check_right_kernels() {
  const OnDevice<unsigned> indices_there(2 * 3 * 4 * 48);
  launch(nullptr, indices, dim3(2, 3, 4), 48, indices_there.data());
  const std::vector<unsigned> seen = indices_there.back();
  for (unsigned i = 0; i < seen.size(); ++i) CHECK(seen[i] == i / 48 * 1000 + i % 48);

  std::vector<float> values(3 * 256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const OnDevice<float> values_there(values), sums_there(3);
  launch(nullptr, tree_sum<float>, 3, 256, sums_there.data(), values_there.data());
  const std::vector<float> sums = sums_there.back();
  for (unsigned i = 0; i < 3; ++i) CHECK(sums[i] == static_cast<float>(i * 65536 + 32640));

  check_shuffles<float>();
  check_shuffles<double>();
  check_shuffles<int>();
  check_shuffles<unsigned>();
  const OnDevice<unsigned> ballots(32);
  launch(nullptr, votes, 1, 32, ballots.data());
  for (const unsigned ballot : ballots.back()) CHECK(ballot == 0xaaaaaaabu);
}

std::vector<int> run_in(const char* order, void (*kernel)(int*)) {
  setenv("LSPT_EMULATED_ORDER", order, 1);
  const OnDevice<int> out(3 * 64);
  launch(nullptr, kernel, 3, 64, out.data());
  return out.back();
}

void check_orders() {
  for (const char* order : {"ascending", "reverse", "shuffle"}) {
    setenv("LSPT_EMULATED_ORDER", order, 1);
    check_right_kernels();
  }
  for (const char* order : {"reverse", "shuffle"}) {
    CHECK(run_in("ascending", mirror<true>) == run_in(order, mirror<true>));
    CHECK(run_in("ascending", mirror<false>) != run_in(order, mirror<false>));
  }
  CHECK(run_in("ascending", next_warp<true>) == run_in("reverse", next_warp<true>));
  CHECK(run_in("ascending", next_warp<false>) != run_in("reverse", next_warp<false>));
  CHECK(has(last_words([] { run_in("sideways", mirror<true>); }), "LSPT_EMULATED_ORDER=sideways"));
  unsetenv("LSPT_EMULATED_ORDER");
}

void check_mistakes() {
  const auto words = [](Mistake mistake, unsigned threads = 64) {
    return last_words([&] { launch(nullptr, mistaken, 1, threads, mistake); });
  };
  CHECK(has(words(Mistake::returned), "thread 40: returned"));
  CHECK(has(words(Mistake::other_barrier), "not all threads of the block"));
  CHECK(has(words(Mistake::lost_lane), "thread 5: returned"));
  CHECK(has(words(Mistake::other_shuffle), "__shfl_xor_sync of 8 bytes"));
  CHECK(has(words(Mistake::unmasked), "not in its mask"));
  CHECK(has(words(Mistake::deaf), "reads lane 16"));
  CHECK(has(words(Mistake::no_warp, 16), "not all lanes"));
  CHECK(has(last_words([] { __syncthreads(); }), "outside a kernel"));
  CHECK(has(last_words([] { launch(nullptr, votes, 1, dim3(8, 4), nullptr); }), "one dimension"));
  unsigned host = 0;
  CHECK(has(last_words([&] { launch(nullptr, votes, 1, 32, &host); }), "not into device memory"));
  CHECK(launch(nullptr, votes, 1, 2048, nullptr) == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaSuccess);
}

void check_capture() {
  cudaStream_t stream, other;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  float *data, *spare, host[4] = {1, 2, 3, 4}, back[4] = {};
  CHECK(cudaMalloc(&data, sizeof host) == cudaSuccess);
  CHECK(data[0] != data[0]);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(cudaStreamIsCapturing(stream, &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  cudaMemcpyAsync(data, host, sizeof host, cudaMemcpyHostToDevice, stream);
  launch(stream, indices, 1, 4, reinterpret_cast<unsigned*>(data));
  cudaMemcpyAsync(back, data, sizeof host, cudaMemcpyDeviceToHost, stream);
  cudaMemsetAsync(data, 0, 4, stream);
  CHECK(back[0] == 0.0f);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  CHECK(cudaGraphInstantiate(&exec, graph) == cudaSuccess);
  cudaGraphDestroy(graph);
  CHECK(data[0] != data[0]);  // nothing has run
  for (const float first : {1.0f, 5.0f}) {
    host[0] = first;
    CHECK(cudaGraphLaunch(exec, stream) == cudaSuccess);
    CHECK(back[0] == first);
    CHECK(__float_as_uint(back[3]) == __float_as_uint(4.0f) + 3);
    CHECK(data[0] == 0.0f);
  }
  cudaGraphExecDestroy(exec);

  cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
  CHECK(cudaMemsetAsync(data, 0xff, 4, other) == cudaSuccess);
  CHECK(data[0] != data[0]);  // other streams run
  CHECK(cudaMalloc(&spare, 16) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaFree(data) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(cudaMemcpy(back, data, 32, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);  // too long
  CHECK(cudaMemcpy(host, back, 16, cudaMemcpyDeviceToHost) ==
        cudaErrorInvalidValue);  // host memory
  CHECK(cudaFree(data) == cudaSuccess);
  CHECK(cudaFree(host) == cudaErrorInvalidValue);
  cudaStreamDestroy(other);
  cudaStreamDestroy(stream);
}

void check_memory_limit() {
  setenv("LSPT_EMULATED_MEMORY", "1000", 1);
  void *a, *b;
  size_t left, total;
  CHECK(cudaMalloc(&a, 600) == cudaSuccess);
  CHECK(cudaMalloc(&b, 600) == cudaErrorMemoryAllocation);
  CHECK(cudaMemGetInfo(&left, &total) == cudaSuccess);
  CHECK((left == 400 && total == 1000));
  CHECK(cudaFree(a) == cudaSuccess);
  CHECK(cudaMalloc(&b, 600) == cudaSuccess);
  CHECK(cudaFree(b) == cudaSuccess);
  unsetenv("LSPT_EMULATED_MEMORY");
}

void check_events() {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  float milliseconds = -1.0f;
  cudaEventRecord(begin);
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaErrorInvalidResourceHandle);
  usleep(2000);
  cudaEventRecord(end);
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess);
  CHECK((milliseconds >= 2.0f && milliseconds < 1000.0f));
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
}

}  // namespace

int main() {
  check_orders();
  check_mistakes();
  check_capture();
  check_memory_limit();
  check_events();
  if (failures == 0) std::puts("the emulator is right");
  return failures != 0;
}
