#include "train/plan/peak.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/cuda.h"
#include "engine/gemm.h"
#include "engine/kernel.h"
#include "engine/parallel.h"
#include "engine/random.h"

namespace lspt {

Tensor random_tensor(const Shape& shape, DType dtype, uint64_t sample) {
  const Tensor values(shape);
  const Random random(7, 0, sample, Purpose::test);
  parallel_for(values.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      values.data<float>()[i] = random.normal(static_cast<uint64_t>(i));
  });
  return to_dtype(values, dtype);
}

double seconds_of(Device device, const std::function<void()>& body) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  body();
  if constexpr (kHasCuda)
    if (device == Device::cuda) cuda::synchronize();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

namespace {

/// A square matrix of the GPU; one strip of random values again and again.
Tensor large_matrix(int64_t size, DType dtype, uint64_t sample) {
  const int64_t strip = size / 16;
  const Tensor values = to_device(random_tensor({strip, size}, dtype, sample), Device::cuda);
  const Tensor matrix({size, size}, dtype, Device::cuda);
  for (int64_t row = 0; row < size; row += strip) copy(matrix.slice(row, row + strip), values);
  return matrix;
}

}  // namespace

void Peak::measure(Device device, DType dtype, int64_t rows, int64_t width) {
  // Seconds of the fastest of 12.
  const auto multiply = [&](const Tensor& a, const Tensor& b) {
    const Tensor c({a.rows(), b.rows()}, dtype, device);
    const double operations = 2.0 * static_cast<double>(a.rows()) * static_cast<double>(a.cols()) *
                              static_cast<double>(b.rows());
    double best = INFINITY;
    for (int i = 0; i < 12; ++i)
      best =
          std::min(best, seconds_of(device, [&] { gemm(c, a, false, b, true, {.pack_b = true}); }));
    gflops = std::max(gflops, operations / best * 1e-9);
    return best;
  };
  if (device == Device::cuda) {
    // On up to 8192 while a product takes less than a few milliseconds: a slow card needs no more.
    double seconds = 0;
    for (int64_t size = 256; size <= 8192 && seconds < 5e-3; size *= 2)
      seconds = multiply(large_matrix(size, dtype, 1), large_matrix(size, dtype, 2));
  } else {
    for (const auto& [n, k] : {std::pair{3 * width, width}, {4 * width, width}, {width, 4 * width}})
      multiply(random_tensor({rows, k}, dtype, 1), random_tensor({n, k}, dtype, 2));
  }
  if (device == Device::cpu) return;
  const int64_t elements = int64_t{1} << 27;
  const Tensor from = Tensor::zeros({elements}, DType::f32, device);
  const Tensor to = Tensor::zeros({elements}, DType::f32, device);
  for (int i = 0; i < 6; ++i) {
    const double seconds = seconds_of(device, [&] { copy(to, from); });
    gigabytes_a_second =
        std::max(gigabytes_a_second, 2e-9 * static_cast<double>(from.nbytes()) / seconds);
  }
}

}  // namespace lspt
