#include "ops/patch_loss.h"

#include <cmath>

#include "engine/parallel.h"

namespace lspt {

Var patch_loss(const Var& prediction, const Tensor& images, const Tensor& order, int64_t patch,
               bool normalize) {
  require(images.rank() == 4 && images.dtype() == DType::f32 && patch > 0 &&
              images.dim(2) % patch == 0 && images.dim(3) % patch == 0,
          "patch_loss: images ", images.shape(), " ", name_of(images.dtype()),
          ", f32 (B, C, S, T) of whole patches of ", patch, " expected");
  const int64_t batch = images.dim(0), values = images.dim(1) * patch * patch;
  const int64_t patches = images.dim(2) / patch * (images.dim(3) / patch);
  require(order.shape() == Shape{batch, patches} && order.dtype() == DType::f32,
          "patch_loss: order ", order.shape(), ", (", batch, ", ", patches, ") expected");
  require(prediction.value.rank() == 3 && prediction.dim(0) == batch && prediction.dim(1) >= 1 &&
              prediction.dim(1) <= patches && prediction.dim(2) == values && values > 1,
          "patch_loss: prediction ", prediction.shape(), ", (", batch, ", 1 to ", patches, ", ",
          values, ") expected");
  const Tensor errors(prediction.shape(), DType::f32, prediction.device());
  Tensor loss({1}, DType::f32, prediction.device());
  patch_loss_forward(loss, errors, prediction.value, images, order, patch, normalize);
  if (!recording({&prediction})) return loss;
  return record("patch_loss", {&prediction}, loss,
                [errors, dtype = prediction.dtype()](Backward& b) {
                  const Tensor dprediction(errors.shape(), dtype, errors.device());
                  patch_loss_backward(dprediction, b.grad(), errors);
                  b.add(0, dprediction);
                });
}

namespace cpu {
namespace {

/// The patch's values in the order (y, x, channel); `pixels` is the first channel's corner.
void read_patch(float* to, const float* pixels, int64_t channels, int64_t plane, int64_t width,
                int64_t patch) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < patch; ++y)
      for (int64_t x = 0; x < patch; ++x)
        to[(y * patch + x) * channels + c] = pixels[c * plane + y * width + x];
}

/// Mean and deviation in two passes, as normalization needs them.
void standardize(float* values, int64_t count) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  const float mean = sum / static_cast<float>(count);
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < count; ++i) squares += (values[i] - mean) * (values[i] - mean);
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(count - 1) + kPatchVariance);
  for (int64_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * scale;
}

}  // namespace

void patch_loss_forward(const Tensor& loss, const Tensor& errors, const Tensor& prediction,
                        const Tensor& images, const Tensor& order, int64_t patch, bool normalize) {
  const int64_t masked = prediction.dim(1), count = prediction.dim(2), patches = order.dim(1);
  const int64_t channels = images.dim(1), width = images.dim(3), plane = images.dim(2) * width;
  const int64_t across = width / patch;
  const Tensor losses({prediction.dim(0) * masked});
  dispatch(prediction.dtype(), [&]<typename T>() {
    parallel_for(losses.numel(), 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t image = r / masked, place = patches - masked + r % masked;
        const auto number = static_cast<int64_t>(order.data<float>()[image * patches + place]);
        float* error = errors.data<float>() + r * count;
        read_patch(error,
                   images.data<float>() + image * channels * plane +
                       number / across * patch * width + number % across * patch,
                   channels, plane, width, patch);
        if (normalize) standardize(error, count);
        const T* guess = prediction.data<T>() + r * count;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < count; ++i) {
          error[i] = static_cast<float>(guess[i]) - error[i];
          sum += error[i] * error[i];
        }
        losses.data<float>()[r] = sum;
      }
    });
  });
  double total = 0;
  for (int64_t r = 0; r < losses.numel(); ++r) total += losses.data<float>()[r];
  loss.data<float>()[0] = static_cast<float>(total / static_cast<double>(errors.numel()));
}

void patch_loss_backward(const Tensor& dprediction, const Tensor& dloss, const Tensor& errors) {
  const float scale = 2.0f * dloss.data<float>()[0] / static_cast<float>(errors.numel());
  const float* error = errors.data<float>();
  dispatch(dprediction.dtype(), [&]<typename T>() {
    T* to = dprediction.data<T>();
    parallel_for(errors.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = scale * error[i];
    });
  });
}

}  // namespace cpu
}  // namespace lspt
