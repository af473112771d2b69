// Softmax and its loss in one pass per row. A warp owns an image's row of logits: a lane every
// 32nd class; three walks (largest, sum of exponentials, loss) of which the second and third
// find the row, a few kilobytes, in the first-level cache. log sum exp is kept, so that backward
// needs no second sum: a thread owns one logit and computes softmax - target from it.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/cross_entropy.h"

namespace lspt::cuda {
namespace cross_entropy_cu {

/// A warp owns a row, lane i its classes i, i + 32, ...
template <typename T>
__global__ void row_losses(float* losses, float* log_sums, const T* logits, const float* targets,
                           int64_t rows, int64_t classes) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  const T* x = logits + row * classes;
  const float* target = targets + row * classes;
  float largest = -INFINITY, sum = 0, loss = 0;
  for (int64_t k = lane; k < classes; k += 32) largest = fmaxf(largest, x[k]);
  largest = warp_max(largest);
  for (int64_t k = lane; k < classes; k += 32) sum += expf(static_cast<float>(x[k]) - largest);
  const float log_sum = largest + logf(warp_sum(sum));
  for (int64_t k = lane; k < classes; k += 32)
    loss += target[k] * (log_sum - static_cast<float>(x[k]));
  loss = warp_sum(loss);
  if (lane != 0) return;
  losses[row] = loss;
  log_sums[row] = log_sum;
}

/// A thread owns one logit.
template <typename T>
__global__ void logit_gradients(T* dlogits, const float* dloss, const float* log_sums,
                                const T* logits, const float* targets, int64_t count,
                                int64_t classes) {
  const int64_t i = thread_index();
  if (i >= count) return;
  const float scale = *dloss / static_cast<float>(count / classes);
  dlogits[i] = scale * (expf(static_cast<float>(logits[i]) - log_sums[i / classes]) - targets[i]);
}

}  // namespace cross_entropy_cu

void cross_entropy_forward(const Tensor& loss, const Tensor& log_sum, const Tensor& logits,
                           const Tensor& targets) {
  const OpScope op("cross_entropy_forward", bytes_of(logits, targets));
  const int64_t rows = logits.dim(0);
  const Tensor losses({rows}, DType::f32, Device::cuda);
  dispatch(logits.dtype(), [&]<typename T>() {
    launch(cross_entropy_cu::row_losses<T>, blocks(rows, kRowWarps), 32 * kRowWarps,
           losses.data<float>(), log_sum.data<float>(), logits.data<T>(), targets.data<float>(),
           rows, logits.dim(1));
  });
  sum_rows(loss, 0.0f, 1.0f / static_cast<float>(rows), losses, {.rows = rows, .row_stride = 1});
}

void cross_entropy_backward(const Tensor& dlogits, const Tensor& dloss, const Tensor& log_sum,
                            const Tensor& logits, const Tensor& targets) {
  const OpScope op("cross_entropy_backward", bytes_of(dlogits, logits, targets));
  dispatch(logits.dtype(), [&]<typename T>() {
    launch(cross_entropy_cu::logit_gradients<T>, blocks(logits.numel()), kBlock, dlogits.data<T>(),
           dloss.data<float>(), log_sum.data<float>(), logits.data<T>(), targets.data<float>(),
           logits.numel(), logits.dim(1));
  });
}

}  // namespace lspt::cuda
