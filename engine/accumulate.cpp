#include "engine/accumulate.h"

#include "engine/narrow.h"
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
        store_each(s + begin, end - begin, [s_piece = s + begin, x_piece = in + begin](int64_t i) {
          return static_cast<float>(s_piece[i]) + static_cast<float>(x_piece[i]);
        });
      });
    });
  });
}

}  // namespace lspt::cpu
