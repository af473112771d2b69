/// What the machine itself can do, measured: the yardstick that benchmarks print beside their own
/// figures.
#pragma once

#include <functional>

#include "engine/tensor.h"

namespace lspt {

/// Standard normal values: zeros would be faster to multiply (and cooler on a GPU).
Tensor random_tensor(const Shape& shape, DType dtype, uint64_t sample);

/// Seconds that `body` takes; on the GPU until all is done that it put on the stream.
double seconds_of(Device device, const std::function<void()>& body);

struct Peak {
  double gflops = 0;              ///< best product
  double gigabytes_a_second = 0;  ///< read and written by the best copy; GPU only

  /// Measures again and keeps the better figures. On the CPU: packed products of a ViT's own
  /// shapes, `rows` x (3 width, 4 width) and back. On the GPU: square ones of up to
  /// 8192 x 8192, and a copy of 512 MiB.
  void measure(Device device, DType dtype, int64_t rows, int64_t width);
};

}  // namespace lspt
