// A warp owns a masked patch: its lanes read the pixels three times (mean, deviation, errors), of
// which the second and third find them in the first-level cache, write the errors, side by side,
// and add their squares. The rows' sums are added in order by sum_rows.
#include "engine/cuda.cuh"
#include "engine/sum_rows.h"
#include "ops/patch_loss.h"

namespace lspt::cuda {
namespace patch_loss_cu {

/// A patch's value i in the order (y, x, channel).
struct PatchReader {
  const float* corner;  // of the first channel
  int channels, plane, width, patch;
  __device__ float operator()(int i) const {
    const int pixel = i / channels;
    return corner[i % channels * plane + pixel / patch * width + pixel % patch];
  }
};

/// A warp owns a patch, lane i its values i, i + 32, ...
template <typename T>
__global__ void patch_errors(float* losses, float* errors, const T* prediction, const float* images,
                             const float* order, int64_t rows, int masked, int patches,
                             int channels, int height, int width, int patch, bool normalize) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32, count = channels * patch * patch, across = width / patch;
  const int64_t image = row / masked;
  const int number = static_cast<int>(order[image * patches + patches - masked + row % masked]);
  const PatchReader read{images + image * channels * height * width +
                             number / across * patch * width + number % across * patch,
                         channels, height * width, width, patch};
  float mean = 0, scale = 1;
  if (normalize) {
    float sum = 0, squares = 0;
    for (int i = lane; i < count; i += 32) sum += read(i);
    mean = warp_sum(sum) / static_cast<float>(count);
    for (int i = lane; i < count; i += 32) squares += (read(i) - mean) * (read(i) - mean);
    scale = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(count - 1) + kPatchVariance);
  }
  float loss = 0;
  for (int i = lane; i < count; i += 32) {
    const float error = static_cast<float>(prediction[row * count + i]) - (read(i) - mean) * scale;
    errors[row * count + i] = error;
    loss += error * error;
  }
  loss = warp_sum(loss);
  if (lane == 0) losses[row] = loss;
}

/// A thread owns one value.
template <typename T>
__global__ void prediction_gradients(T* to, const float* dloss, const float* errors,
                                     int64_t count) {
  const int64_t i = thread_index();
  if (i < count) to[i] = 2.0f * *dloss / static_cast<float>(count) * errors[i];
}

}  // namespace patch_loss_cu

void patch_loss_forward(const Tensor& loss, const Tensor& errors, const Tensor& prediction,
                        const Tensor& images, const Tensor& order, int64_t patch, bool normalize) {
  const OpScope op("patch_loss_forward", bytes_of(errors, prediction, errors));
  const int64_t rows = prediction.dim(0) * prediction.dim(1);
  const Tensor losses({rows}, DType::f32, Device::cuda);
  dispatch(prediction.dtype(), [&]<typename T>() {
    launch(patch_loss_cu::patch_errors<T>, blocks(rows, kRowWarps), 32 * kRowWarps,
           losses.data<float>(), errors.data<float>(), prediction.data<T>(), images.data<float>(),
           order.data<float>(), rows, prediction.dim(1), order.dim(1), images.dim(1), images.dim(2),
           images.dim(3), patch, normalize);
  });
  sum_rows(loss, 0.0f, 1.0f / static_cast<float>(errors.numel()), losses,
           {.rows = rows, .row_stride = 1});
}

void patch_loss_backward(const Tensor& dprediction, const Tensor& dloss, const Tensor& errors) {
  const OpScope op("patch_loss_backward", bytes_of(dprediction, errors));
  dispatch(dprediction.dtype(), [&]<typename T>() {
    launch(patch_loss_cu::prediction_gradients<T>, blocks(errors.numel()), kBlock,
           dprediction.data<T>(), dloss.data<float>(), errors.data<float>(), errors.numel());
  });
}

}  // namespace lspt::cuda
