#include "models/weights/sketch.h"

#include <algorithm>
#include <cmath>

namespace lspt {
namespace {

constexpr int64_t kValues = 8;

}  // namespace

Tensor sketch_of(const NamedTensors& backbone) {
  Tensor out = Tensor::zeros({static_cast<int64_t>(backbone.size()), kValues + 1});
  float* row = out.data<float>();
  for (const auto& [name, tensor] : backbone) {
    const float* values = tensor.data<float>();
    const int64_t count = tensor.numel();
    for (int64_t i = 0; i < kValues && count > 0; ++i)
      row[i] = values[i * (count - 1) / (kValues - 1)];
    double squares = 0;
    for (int64_t i = 0; i < count; ++i)
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    row[kValues] =
        static_cast<float>(std::sqrt(squares / static_cast<double>(std::max<int64_t>(count, 1))));
    row += kValues + 1;
  }
  return out;
}

bool sketches_agree(const Tensor& a, const Tensor& b) {
  if (!a || !b || !(a.shape() == b.shape())) return false;
  const float *x = a.data<float>(), *y = b.data<float>();
  for (int64_t i = 0; i < a.numel(); ++i) {
    const float rms = x[i / (kValues + 1) * (kValues + 1) + kValues];
    if (!(std::abs(x[i] - y[i]) <= 0x1p-7f * std::max(std::abs(x[i]), rms))) return false;
  }
  return true;
}

}  // namespace lspt
