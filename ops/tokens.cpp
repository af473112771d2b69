#include "ops/tokens.h"

#include <algorithm>
#include <cstring>

#include "engine/accumulate.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "engine/sum_rows.h"

namespace lspt {
namespace {

/// sum (P, D) = beta * sum + rows at, at + 1, ... of x (B, N, D), summed over the images.
void sum_images(const Tensor& sum, float beta, const Tensor& x, int64_t at) {
  const int64_t width = x.cols();
  sum_rows(sum, beta, 1.0f, x,
           Rows{.rows = x.dim(0), .row_stride = x.dim(1) * width, .offset = at * width},
           "sum_images");
}

}  // namespace

Var slice_tokens(const Var& x, int64_t begin, int64_t end) {
  require(x.value.rank() == 3 && 0 <= begin && begin <= end && end <= x.dim(1),
          "slice_tokens: rows [", begin, ", ", end, ") of ", x.shape());
  Tensor y({x.dim(0), end - begin, x.dim(2)}, x.dtype(), x.device());
  copy_tokens(y, 0, 0.0f, x.value, begin, end - begin);
  if (!recording({&x})) return y;
  return record("slice_tokens", {&x}, y, [begin, count = end - begin](Backward& b) {
    const auto [dx, beta] = b.into(0);
    if (beta == 0.0f) memory::zero(dx.raw(), dx.nbytes(), dx.device());
    copy_tokens(dx, begin, beta, b.grad(), 0, count);
  });
}

Var splice(Var x, int64_t at, int64_t remove, const Var& rows) {
  require(x.value.rank() == 3 && at >= 0 && remove >= 0 && at + remove <= x.dim(1),
          "splice: rows [", at, ", ", at + remove, ") of ", x.shape());
  const int64_t batch = x.dim(0), width = x.dim(2), tail = x.dim(1) - at - remove;
  const bool shared = rows.value.rank() == 2;
  require(!rows || ((shared || (rows.value.rank() == 3 && rows.dim(0) == batch)) &&
                    rows.dim(-1) == width && rows.dtype() == x.dtype()),
          "splice: ", rows.shape(), " ", name_of(rows.dtype()), " into ", x.shape(), " ",
          name_of(x.dtype()), ", expected (P, D) or (B, P, D)");
  const int64_t count = rows ? rows.dim(-2) : 0;
  Tensor y = x.value;
  if (count != remove || x.value.use_count() > 2) {  // x's own, and y
    y = Tensor({batch, at + count + tail, width}, x.dtype(), x.device());
    copy_tokens(y, 0, 0.0f, x.value, 0, at);
    copy_tokens(y, at + count, 0.0f, x.value, at + remove, tail);
  }
  if (rows) copy_tokens(y, at, 0.0f, rows.value, 0, count);
  if (!recording({&x, &rows})) return y;
  enum Input { kX, kRows };
  return record("splice", {&x, &rows}, y, [at, remove, count, tail, shared](Backward& b) {
    if (b.wanted(kRows)) {
      const auto [drows, beta] = b.into(kRows);
      if (shared)
        sum_images(drows, beta, b.grad(), at);
      else
        copy_tokens(drows, 0, beta, b.grad(), at, count);
    }
    if (!b.wanted(kX)) return;
    if (count == remove && b.owns_grad()) {
      copy_tokens(b.grad(), at, 0.0f, Tensor(), 0, count);
      return b.add(kX, b.grad());
    }
    const auto [dx, beta] = b.into(kX);
    if (beta == 0.0f && remove > 0) memory::zero(dx.raw(), dx.nbytes(), dx.device());
    copy_tokens(dx, 0, beta, b.grad(), 0, at);
    copy_tokens(dx, at + remove, beta, b.grad(), at + count, tail);
  });
}

Var expand(const Var& x, int64_t batch) {
  require(x.value.rank() == 2, "expand: ", x.shape(), ", expected (P, D)");
  Tensor y({batch, x.dim(0), x.dim(1)}, x.dtype(), x.device());
  copy_tokens(y, 0, 0.0f, x.value, 0, x.dim(0));
  if (!recording({&x})) return y;
  return record("expand", {&x}, y, [](Backward& b) {
    const auto [dx, beta] = b.into(0);
    sum_images(dx, beta, b.grad(), 0);
  });
}

Var slice_rows(const Var& w, int64_t begin, int64_t end) {
  const Tensor view = w.value.slice(begin, end);
  if (!recording({&w})) return view;
  return record("slice_rows", {&w}, view, [begin, end](Backward& b) {
    const auto [dw, beta] = b.into(0);
    if (beta == 0.0f) memory::zero(dw.raw(), dw.nbytes(), dw.device());
    accumulate(dw.slice(begin, end), b.grad(), beta);
  });
}

namespace cpu {
namespace {

template <typename S, typename T>
void copy_run(S* to, float beta, const T* from, int64_t count) {
  if (beta != 0.0f)
    for (int64_t j = 0; j < count; ++j) to[j] = static_cast<float>(to[j]) + from[j];
  else if constexpr (std::is_same_v<S, T>)
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  else
    for (int64_t j = 0; j < count; ++j) to[j] = static_cast<float>(from[j]);
}

}  // namespace

void copy_tokens(const Tensor& to, int64_t to_at, float beta, const Tensor& from, int64_t from_at,
                 int64_t count) {
  const int64_t width = to.cols();
  const int64_t to_pitch = to.dim(1) * width;
  const int64_t from_pitch = !from || from.rank() == 2 ? 0 : from.dim(1) * width;
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(from ? from.dtype() : to.dtype(), [&]<typename T>() {
      S* out = to.data<S>() + to_at * width;
      const T* in = from ? from.data<T>() + from_at * width : nullptr;
      parallel_for(to.dim(0) * count, 32, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t image = r / count, row = r % count * width;
          S* s = out + image * to_pitch + row;
          if (in)
            copy_run(s, beta, in + image * from_pitch + row, width);
          else
            std::fill_n(s, width, S(0.0f));
        }
      });
    });
  });
}

void copy_columns(const Tensor& to, int64_t to_at, float beta, const Tensor& from, int64_t from_at,
                  int64_t count) {
  const int64_t to_pitch = to.cols(), from_pitch = from.cols();
  dispatch(to.dtype(), [&]<typename S>() {
    dispatch(from.dtype(), [&]<typename T>() {
      S* out = to.data<S>() + to_at;
      const T* in = from.data<T>() + from_at;
      parallel_for(to.rows(), 32, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
          copy_run(out + r * to_pitch, beta, in + r * from_pitch, count);
      });
    });
  });
}

}  // namespace cpu
}  // namespace lspt
