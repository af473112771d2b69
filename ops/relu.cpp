#include "ops/relu.h"

#include "engine/narrow.h"
#include "engine/parallel.h"

namespace lspt {

Var relu(const Var& x) {
  const Tensor y(x.shape(), x.dtype(), x.device());
  relu_forward(y, x.value);
  if (!recording({&x})) return y;
  return record("relu", {&x}, y, [y](Backward& b) {
    const Tensor dx = b.over_grad();
    relu_backward(dx, b.grad(), y);
    b.add(0, dx);
  });
}

namespace cpu {

void relu_forward(const Tensor& y, const Tensor& x) {
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* in = x.data<T>();
    parallel_for(x.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [piece = in + begin](int64_t i) {
        const float v = piece[i];
        return v < 0.0f ? 0.0f : v;
      });
    });
  });
}

void relu_backward(const Tensor& dx, const Tensor& dy, const Tensor& y) {
  require(dy.same_layout(y), "relu: gradient ", dy.shape(), " for ", y.shape());
  dispatch(y.dtype(), [&]<typename T>() {
    T* out = dx.data<T>();
    const T *g = dy.data<T>(), *kept = y.data<T>();
    parallel_for(y.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      store_each(out + begin, end - begin, [g_piece = g + begin, piece = kept + begin](int64_t i) {
        return static_cast<float>(piece[i]) > 0.0f ? static_cast<float>(g_piece[i]) : 0.0f;
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
