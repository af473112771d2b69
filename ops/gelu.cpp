#include "ops/gelu.h"

#include "engine/narrow.h"
#include "engine/parallel.h"
#include "ops/math.h"

namespace lspt {

Var gelu(const Var& x) {
  Tensor y(x.shape(), x.dtype(), x.device());
  gelu_forward(y, x.value);
  if (!recording({&x})) return y;
  return record("gelu", {&x}, y, [kept = x.value](Backward& b) {
    Tensor dx(kept.shape(), kept.dtype(), kept.device());
    gelu_backward(dx, b.grad(), kept);
    b.add(0, dx);
  });
}

namespace cpu {

void gelu_forward(const Tensor& y, const Tensor& x) {
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [x_piece = in + begin](int64_t i) {
        const float v = x_piece[i];
        return v * normal_cdf(v);
      });
    });
  });
}

void gelu_backward(const Tensor& dx, const Tensor& dy, const Tensor& x) {
  require(dy.same_layout(x), "gelu: gradient ", dy.shape(), " for ", x.shape());
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = dx.data<T>();
    const T* g = dy.data<T>();
    const T* in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [x_piece = in + begin, dy_piece = g + begin](int64_t i) {
        const float v = x_piece[i];
        return static_cast<float>(dy_piece[i]) * (normal_cdf(v) + v * normal_density(v));
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
