#include "ops/mix_tokens.h"

#include "engine/gemm.h"
#include "engine/memory.h"

namespace lspt {
namespace {

/// Rows [begin, end) of one image, as a matrix in x's memory.
Tensor rows_of_image(const Tensor& x, int64_t image, int64_t begin, int64_t end) {
  const int64_t first = image * x.dim(1);
  return x.reshape({x.dim(0) * x.dim(1), x.dim(2)}).slice(first + begin, first + end);
}

}  // namespace

Var mix_tokens(const Var& x, int64_t begin, int64_t end, const Var& w) {
  require(x.value.rank() == 3 && 0 <= begin && begin < end && end <= x.dim(1), "mix_tokens: rows [",
          begin, ", ", end, ") of ", x.shape());
  require(w.value.rank() == 2 && w.dim(1) == end - begin, "mix_tokens: weights ", w.shape(),
          " for ", end - begin, " rows");
  const int64_t images = x.dim(0), mixtures = w.dim(0);
  const Tensor weights = to_dtype(w.value, x.dtype());
  const Tensor y({images, mixtures, x.dim(2)}, x.dtype(), x.device());
  for (int64_t b = 0; b < images; ++b)
    gemm(rows_of_image(y, b, 0, mixtures), weights, false, rows_of_image(x.value, b, begin, end),
         false);
  if (!recording({&x, &w})) return y;
  enum Input { kX, kW };
  return record("mix_tokens", {&x, &w}, y, [x_ = x.value, weights, begin, end](Backward& b) {
    const Tensor& dy = b.grad();
    const int64_t count = dy.dim(1);
    if (b.wanted(kW)) {
      const auto [dw, beta] = b.into(kW);
      for (int64_t i = 0; i < x_.dim(0); ++i)
        gemm(dw, rows_of_image(dy, i, 0, count), false, rows_of_image(x_, i, begin, end), true,
             {.beta = i > 0 ? 1.0f : beta});
    }
    if (b.wanted(kX)) {
      const auto [dx, beta] = b.into(kX);
      if (beta == 0.0f) memory::zero(dx.raw(), dx.nbytes(), dx.device());
      for (int64_t i = 0; i < x_.dim(0); ++i)
        gemm(rows_of_image(dx, i, begin, end), weights, true, rows_of_image(dy, i, 0, count), false,
             {.beta = 1.0f});
    }
  });
}

}  // namespace lspt
