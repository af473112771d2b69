// Streams, events, capture and graphs.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "tests/emulated/cuda_runtime.h"

using emulated::done;
using Clock = std::chrono::steady_clock;
using Work = std::vector<std::function<void()>>;

struct CUgraph_st {
  Work work;
};
struct CUgraphExec_st {
  std::shared_ptr<const Work> work;  // shared with graphs that this one is launched into
};

struct CUstream_st {
  std::unique_ptr<CUgraph_st> capture;  // while it captures
  bool spoilt = false;                  // by a call that a capture does not allow
};

struct CUevent_st {
  bool timed = true, recorded = false, captured = false;
  Clock::time_point time;
};

namespace {

/// The stream that captures.
struct {
  cudaStream_t stream = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;
} capturing;

bool captures(cudaStream_t stream) { return stream != nullptr && stream->capture != nullptr; }

}  // namespace

void emulated::run_or_record(cudaStream_t stream, std::function<void()> work) {
  if (captures(stream)) {
    stream->capture->work.push_back(std::move(work));
  } else {
    const Unlocked unlocked;
    work();
  }
}

bool emulated::allowed() {
  if (capturing.stream == nullptr || capturing.mode == cudaStreamCaptureModeRelaxed) return true;
  if (capturing.mode == cudaStreamCaptureModeThreadLocal &&
      capturing.thread != std::this_thread::get_id())
    return true;
  capturing.stream->spoilt = true;
  return false;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (capturing.stream == stream) capturing.stream = nullptr;
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (captures(stream)) stream->spoilt = true;
  return done(captures(stream) || !emulated::allowed() ? cudaErrorStreamCaptureUnsupported
                                                       : cudaSuccess);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  // Work outside and inside a capture cannot wait for each other; branches are not emulated.
  if (event->recorded && event->captured != captures(stream))
    return done(cudaErrorStreamCaptureIsolation);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new CUevent_st;
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->recorded = true;
  event->captured = captures(stream);
  event->time = Clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->captured) return done(cudaErrorCapturedEvent);
  return done(emulated::allowed() ? cudaSuccess : cudaErrorStreamCaptureUnsupported);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return cudaEventQuery(event); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  for (const cudaEvent_t event : {begin, end})
    if (!event->timed || !event->recorded || event->captured)
      return done(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr) return done(cudaErrorStreamCaptureUnsupported);
  if (capturing.stream == stream) return done(cudaErrorIllegalState);
  if (capturing.stream != nullptr) emulated::misuse("only one stream at a time may capture");
  stream->capture = std::make_unique<CUgraph_st>();
  stream->spoilt = false;
  capturing = {stream, mode, std::this_thread::get_id()};
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!captures(stream)) return done(cudaErrorIllegalState);
  const std::unique_ptr<CUgraph_st> made = std::move(stream->capture);
  capturing.stream = nullptr;
  if (stream->spoilt) return done(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st(std::move(*made));
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = !captures(stream) ? cudaStreamCaptureStatusNone
            : stream->spoilt  ? cudaStreamCaptureStatusInvalidated
                              : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const char* graphs = std::getenv("LSPT_EMULATED_GRAPHS");
  if (graphs && *graphs == '0') return done(cudaErrorMemoryAllocation);
  *exec = new CUgraphExec_st{std::make_shared<const Work>(graph->work)};
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  emulated::run_or_record(stream, [all = exec->work] {
    for (const auto& work : *all) work();
  });
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
