#include "engine/accumulate.h"

#include "engine/parallel.h"

namespace lspt::cpu {

void accumulate(const Tensor& sum, const Tensor& x, float beta) {
  require(sum.numel() == x.numel(), "accumulate: ", x.shape(), " into ", sum.shape());
  if (beta == 0.0f) return copy(sum, x);
  dispatch(sum.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      S* s = sum.data<S>();
      const T* in = x.data<T>();
      parallel_for(sum.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          s[i] = static_cast<float>(s[i]) + static_cast<float>(in[i]);
      });
    });
  });
}

}  // namespace lspt::cpu
