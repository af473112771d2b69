// Rows in, out and replaced: every one of these ops copies, for each image, one run of
// neighbouring elements from a place to a place (token rows of an image are contiguous). A
// thread owns V of them; beta adds to what is there. Columns are the same with a row as the
// "image".
#include "engine/cuda.cuh"
#include "ops/tokens.h"

namespace lspt::cuda {
namespace tokens_cu {

/// A thread owns V elements of the `run` that is copied for each image; no `from` means zeros.
template <int V, typename S, typename T>
__global__ void copy_runs(S* to, float beta, const T* from, int64_t total, int64_t run,
                          int64_t to_pitch, int64_t from_pitch) {
  const int64_t i = thread_index() * V;
  if (i >= total) return;
  const int64_t image = i / run, at = i % run;
  float value[V] = {}, old[V] = {};
  if (from) load<V>(value, from + image * from_pitch + at);
  if (beta != 0.0f) load<V>(old, to + image * to_pitch + at);
  for (int k = 0; k < V; ++k) value[k] += old[k];
  store<V>(to + image * to_pitch + at, value);
}

}  // namespace tokens_cu

void copy_tokens(const Tensor& to, int64_t to_at, float beta, const Tensor& from, int64_t from_at,
                 int64_t count) {
  const int64_t width = to.cols(), run = count * width, total = to.dim(0) * run;
  const int64_t to_pitch = to.dim(1) * width,
                from_pitch = !from || from.rank() == 2 ? 0 : from.dim(1) * width;
  const OpScope op("copy_tokens",
                   total * static_cast<int64_t>((from ? size_of(from.dtype()) : 0) +
                                                size_of(to.dtype()) * (beta == 0.0f ? 1 : 2)));
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(from ? from.dtype() : to.dtype(), [&]<typename T>() {
      with_width(wide(width, to, from), [&]<int V>() {
        launch(tokens_cu::copy_runs<V, S, T>, blocks(total, kBlock * V), kBlock,
               to.data<S>() + to_at * width, beta,
               from ? from.data<T>() + from_at * width : nullptr, total, run, to_pitch, from_pitch);
      });
    });
  });
}

void copy_columns(const Tensor& to, int64_t to_at, float beta, const Tensor& from, int64_t from_at,
                  int64_t count) {
  const int64_t total = to.rows() * count;
  const OpScope op("copy_columns",
                   total * static_cast<int64_t>(size_of(from.dtype()) +
                                                size_of(to.dtype()) * (beta == 0.0f ? 1 : 2)));
  const bool is_wide =
      wide(count, to, from) && (to_at | from_at | to.cols() | from.cols()) % kWide == 0;
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(from.dtype(), [&]<typename T>() {
      with_width(is_wide, [&]<int V>() {
        launch(tokens_cu::copy_runs<V, S, T>, blocks(total, kBlock * V), kBlock,
               to.data<S>() + to_at, beta, from.data<T>() + from_at, total, count, to.cols(),
               from.cols());
      });
    });
  });
}

}  // namespace lspt::cuda
