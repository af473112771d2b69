#include "ops/add_columns.h"

#include "engine/accumulate.h"
#include "engine/narrow.h"
#include "engine/parallel.h"

namespace lspt {

Var add_columns(Var x, const Var& part, int64_t at, float scale) {
  Shape rows = part.shape();
  require(rows.rank() >= 1 && at >= 0 && at + rows[-1] <= x.dim(-1), "add_columns: ", part.shape(),
          " at column ", at, " of ", x.shape());
  rows.set(-1, x.dim(-1));
  require(rows == x.shape() && part.dtype() == x.dtype(), "add_columns: ", part.shape(), " ",
          name_of(part.dtype()), " to ", x.shape(), " ", name_of(x.dtype()));
  Tensor y = x.value;
  if (x.value.use_count() > 2) {  // x's own, and y
    y = Tensor(x.shape(), x.dtype(), x.device());
    accumulate(y, x.value, 0.0f);
  }
  add_columns_forward(y, part.value, at, scale);
  if (!recording({&x, &part})) return y;
  enum Input { kX, kPart };
  return record("add_columns", {&x, &part}, y,
                [shape = part.shape(), dtype = part.dtype(), at, scale](Backward& b) {
                  if (b.wanted(kPart)) {
                    const Tensor dpart(shape, dtype, b.grad().device());
                    add_columns_backward(dpart, b.grad(), at, scale);
                    b.add(kPart, dpart);
                  }
                  b.add(kX, b.grad());
                });
}

namespace cpu {

constexpr int64_t kColumnRows = 16;  // a piece owns

void add_columns_forward(const Tensor& y, const Tensor& part, int64_t at, float scale) {
  const int64_t width = y.cols(), count = part.cols();
  dispatch(y.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* more = part.data<T>();
    parallel_for(y.rows(), kColumnRows, [=](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        T* to = out + row * width + at;
        store_each(to, count, [to, add = more + row * count, scale](int64_t j) {
          return static_cast<float>(to[j]) + scale * static_cast<float>(add[j]);
        });
      }
    });
  });
}

void add_columns_backward(const Tensor& dpart, const Tensor& dy, int64_t at, float scale) {
  const int64_t width = dy.cols(), count = dpart.cols();
  dispatch(dy.dtype(), [&]<typename T>() {
    T* out = dpart.data<T>();
    const T* in = dy.data<T>();
    parallel_for(dy.rows(), kColumnRows, [=](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        store_each(out + row * count, count, [from = in + row * width + at, scale](int64_t j) {
          return scale * static_cast<float>(from[j]);
        });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
