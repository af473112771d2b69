#include "ops/gelu.h"

#include <algorithm>

#include "engine/narrow.h"
#include "engine/parallel.h"
#include "ops/math.h"

namespace lspt {

Var gelu(const Var& x) {
  Tensor y(x.shape(), x.dtype(), x.device());
  const bool records = recording({&x});
  const Tensor slope = records ? Tensor(x.shape(), x.dtype(), x.device()) : Tensor();
  gelu_forward(y, slope, x.value);
  if (!records) return y;
  return record("gelu", {&x}, y, [slope](Backward& b) {
    Tensor dx(slope.shape(), slope.dtype(), slope.device());
    gelu_backward(dx, b.grad(), slope);
    b.add(0, dx);
  });
}

namespace cpu {

void gelu_forward(const Tensor& y, const Tensor& slope, const Tensor& x) {
  dispatch(x.dtype(), [&]<typename T>() {
    T *out = y.data<T>(), *out_slope = slope ? slope.data<T>() : nullptr;
    const T* in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      constexpr int64_t kPiece = 512;
      float value[kPiece], derivative[kPiece];
      for (int64_t at = begin; at < end; at += kPiece) {
        const int64_t length = std::min(kPiece, end - at);
        for (int64_t i = 0; i < length; ++i) {
          const float v = in[at + i], cdf = normal_cdf(v);
          value[i] = v * cdf;
          derivative[i] = cdf + v * normal_density(v);
        }
        narrow(out + at, value, length);
        if (out_slope) narrow(out_slope + at, derivative, length);
      }
    });
  });
}

void gelu_backward(const Tensor& dx, const Tensor& dy, const Tensor& slope) {
  require(dy.same_layout(slope), "gelu: gradient ", dy.shape(), " for ", slope.shape());
  dispatch(slope.dtype(), [&]<typename T>() {
    T* out = dx.data<T>();
    const T *g = dy.data<T>(), *s = slope.data<T>();
    parallel_for(slope.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [g_piece = g + begin, s_piece = s + begin](int64_t i) {
        return static_cast<float>(g_piece[i]) * static_cast<float>(s_piece[i]);
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
