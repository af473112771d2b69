#include "ops/patch_pool.h"

#include "engine/memory.h"
#include "engine/parallel.h"
#include "engine/sum_rows.h"

namespace lspt {

Var patch_pool(const Var& x, int64_t begin, int64_t end) {
  require(x.value.rank() == 3 && 0 <= begin && begin < end && end <= x.dim(1), "patch_pool: rows [",
          begin, ", ", end, ") of ", x.shape());
  Tensor y({x.dim(0), x.dim(2)}, x.dtype(), x.device());
  const int64_t width = x.dim(2);
  sum_rows(y, 0.0f, 1.0f / static_cast<float>(end - begin), x.value,
           Rows{.groups = x.dim(0),
                .group_stride = x.dim(1) * width,
                .rows = end - begin,
                .row_stride = width,
                .offset = begin * width},
           "patch_pool_forward");
  if (!recording({&x})) return y;
  return record("patch_pool", {&x}, y, [begin, end](Backward& b) {
    const auto [dx, beta] = b.into(0);
    if (beta == 0.0f) memory::zero(dx.raw(), dx.nbytes(), dx.device());
    patch_pool_backward(dx, beta, b.grad(), begin, end);
  });
}

namespace cpu {

void patch_pool_backward(const Tensor& dx, float beta, const Tensor& dy, int64_t begin,
                         int64_t end) {
  const int64_t rows = dx.dim(1), width = dx.dim(2), count = end - begin;
  const float scale = 1.0f / static_cast<float>(count);
  dispatch(dx.dtype(), [&]<typename S>() {
    dispatch(dy.dtype(), [&]<typename T>() {
      S* out = dx.data<S>();
      const T* gradient = dy.data<T>();
      parallel_for(dx.dim(0) * count, 32, [=](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; ++r) {
          const int64_t image = r / count;
          S* s = out + (image * rows + begin + r % count) * width;
          const T* g = gradient + image * width;
          for (int64_t j = 0; j < width; ++j)
            s[j] = beta * static_cast<float>(s[j]) + static_cast<float>(g[j]) * scale;
        }
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
