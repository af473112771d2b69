#include "ops/add.h"

#include "engine/parallel.h"
#include "engine/sum_rows.h"

namespace lspt {
namespace {

/// G of the contract, or 0 if r does not go with x.
int64_t groups_of(const Shape& x, const Shape& r) {
  if (r == x || (x.rank() > 0 && r == Shape{x[-1]})) return 1;
  if (x.rank() != 3) return 0;
  if (r == Shape{x[1], x[2]}) return 1;
  return r == Shape{x[0], 1, x[2]} ? x[0] : 0;
}

}  // namespace

Var add(const Var& x, const Var& r) {
  const int64_t groups = groups_of(x.shape(), r.shape());
  require(groups > 0 && x.dtype() == r.dtype(), "add: ", r.shape(), " ", name_of(r.dtype()), " to ",
          x.shape(), " ", name_of(x.dtype()), ", expected the same or (D), (N, D), (B, 1, D)");
  Tensor y(x.shape(), x.dtype(), x.device());
  add_forward(y, x.value, r.value, groups);
  if (!recording({&x, &r})) return y;
  enum Input { kX, kRows };
  return record("add", {&x, &r}, y, [same = x.shape() == r.shape(), groups](Backward& b) {
    b.add(kX, b.grad());
    if (same) return b.add(kRows, b.grad());
    if (!b.wanted(kRows)) return;
    const auto [dr, beta] = b.into(kRows);
    const int64_t width = dr.numel() / groups;
    const int64_t repeats = b.grad().numel() / std::max<int64_t>(dr.numel(), 1);
    sum_rows(dr, beta, 1.0f, b.grad(),
             Rows{.groups = groups,
                  .group_stride = repeats * width,
                  .rows = repeats,
                  .row_stride = width},
             "sum_repeats");
  });
}

namespace cpu {

void add_forward(const Tensor& y, const Tensor& x, const Tensor& r, int64_t groups) {
  if (x.numel() == 0) return;
  const int64_t width = r.numel() / groups, repeats = x.numel() / r.numel();
  dispatch(x.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T *in = x.data<T>(), *row = r.data<T>();
    // Long rows (a whole image, or a whole tensor) are cut, so that one of them feeds all threads.
    constexpr int64_t kChunk = 1 << 12;
    const int64_t chunks = (width + kChunk - 1) / kChunk;
    parallel_for(groups * repeats * chunks, std::max<int64_t>(1, kChunk / width),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t p = begin; p < end; ++p) {
                     const int64_t i = p / chunks, from = p % chunks * kChunk;
                     const int64_t to = std::min(width, from + kChunk);
                     const T *a = in + i * width, *b = row + i / repeats * width;
                     T* c = out + i * width;
                     for (int64_t j = from; j < to; ++j)
                       c[j] = static_cast<float>(a[j]) + static_cast<float>(b[j]);
                   }
                 });
  });
}

}  // namespace cpu
}  // namespace lspt
