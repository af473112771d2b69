#include "ops/gelu.h"

#include "engine/narrow.h"
#include "engine/parallel.h"
#include "ops/math.h"

namespace lspt {

Var gelu(const Var& x) {
  Tensor y(x.shape(), x.dtype(), x.device());
  gelu_forward(y, x.value);
  if (!recording({&x})) return y;
  return record("gelu", {&x}, y, [x_ = x.value](Backward& b) {
    const Tensor dx = b.over_grad();
    gelu_backward(dx, b.grad(), x_);
    b.add(0, dx);
  });
}

namespace cpu {

void gelu_forward(const Tensor& y, const Tensor& x) {
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [piece = in + begin](int64_t i) {
        const float v = piece[i];
        return v * normal<T>(v).cdf;
      });
    });
  });
}

void gelu_backward(const Tensor& dx, const Tensor& dy, const Tensor& x) {
  require(dy.same_layout(x), "gelu: gradient ", dy.shape(), " for ", x.shape());
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = dx.data<T>();
    const T *g = dy.data<T>(), *in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [g_piece = g + begin, piece = in + begin](int64_t i) {
        const float v = piece[i];
        const Normal at = normal<T>(v);
        return static_cast<float>(g_piece[i]) * (at.cdf + v * at.density);
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
