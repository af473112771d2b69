#include "ops/masked_tokens.h"

#include "engine/memory.h"
#include "engine/parallel.h"
#include "engine/sum_rows.h"

namespace lspt {
namespace {

/// Numbers that a GPU holds are not looked at: reading them would wait for it.
void check_order(const char* op, const Tensor& order, int64_t batch, int64_t rows) {
  require(order.rank() == 2 && order.dim(0) == batch && order.dtype() == DType::f32, op, ": order ",
          order.shape(), " ", name_of(order.dtype()), ", f32 (", batch, ", N) expected");
  if (order.device() != Device::cpu) return;
  for (int64_t i = 0; i < order.numel(); ++i) {
    const float number = order.data<float>()[i];
    require(number >= 0 && number < static_cast<float>(rows), op, ": row ", number, " of ", rows);
  }
}

}  // namespace

Var gather_tokens(const Var& x, int64_t first, const Tensor& order, int64_t begin, int64_t end) {
  require(x.value.rank() == 3 && first >= 0 && first <= x.dim(1), "gather_tokens: from row ", first,
          " of ", x.shape());
  check_order("gather_tokens", order, x.dim(0), x.dim(1) - first);
  require(0 <= begin && begin <= end && end <= order.dim(1), "gather_tokens: numbers [", begin,
          ", ", end, ") of ", order.shape());
  Tensor y({x.dim(0), end - begin, x.dim(2)}, x.dtype(), x.device());
  gather_rows(y, 0.0f, x.value, 0, first, order, begin);
  if (!recording({&x})) return y;
  return record("gather_tokens", {&x}, y, [first, order, begin](Backward& b) {
    const auto [dx, beta] = b.into(0);
    if (beta == 0.0f) memory::zero(dx.raw(), dx.nbytes(), dx.device());
    scatter_rows(dx, b.grad(), first, order, begin);
  });
}

Var restore_tokens(const Var& x, const Var& mask_token, const Tensor& order,
                   const Tensor& positions) {
  require(x.value.rank() == 3 && x.dim(1) >= 1, "restore_tokens: ", x.shape(),
          ", (B, 1 + K, D) expected");
  const int64_t width = x.dim(2), visible = x.dim(1) - 1;
  check_order("restore_tokens", order, x.dim(0), order.cols());
  const int64_t patches = order.dim(1);
  require(visible <= patches && mask_token.shape() == Shape{width} &&
              mask_token.dtype() == DType::f32 && positions.shape() == Shape{1 + patches, width} &&
              positions.dtype() == DType::f32,
          "restore_tokens: ", x.shape(), " with a mask token ", mask_token.shape(), ", order ",
          order.shape(), " and positions ", positions.shape());
  Tensor y({x.dim(0), 1 + patches, width}, x.dtype(), x.device());
  restore_forward(y, x.value, mask_token.value, order, positions);
  if (!recording({&x, &mask_token})) return y;
  enum Input { kX, kMask };
  return record("restore_tokens", {&x, &mask_token}, y, [order, visible](Backward& b) {
    if (b.wanted(kX)) {
      const auto [dx, beta] = b.into(kX);
      gather_rows(dx, beta, b.grad(), 1, 1, order, 0);
    }
    if (b.wanted(kMask)) {
      const Tensor images({order.dim(0), b.grad().cols()}, DType::f32, b.grad().device());
      sum_masked(images, b.grad(), order, visible);
      const auto [dmask, beta] = b.into(kMask);
      sum_rows(dmask.reshape({1, images.cols()}), beta, 1.0f, images,
               Rows{.rows = images.rows(), .row_stride = images.cols()});
    }
  });
}

namespace cpu {
namespace {

template <typename S, typename T>
void add_row(S* to, float beta, const T* from, int64_t width) {
  if (beta == 0.0f)
    for (int64_t j = 0; j < width; ++j) to[j] = static_cast<float>(from[j]);
  else
    for (int64_t j = 0; j < width; ++j) to[j] = static_cast<float>(to[j]) + from[j];
}

/// body(image, i, row): row i of an image belongs to row `row` of the other tensor.
template <typename Body>
void each_row(int64_t batch, int64_t count, int64_t fixed, int64_t first, const Tensor& order,
              int64_t begin, const Body& body) {
  const float* numbers = order.data<float>() + begin - fixed;
  const int64_t pitch = order.dim(1);
  parallel_for(batch * count, 32, [=](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r) {
      const int64_t image = r / count, i = r % count;
      body(image, i, i < fixed ? i : first + static_cast<int64_t>(numbers[image * pitch + i]));
    }
  });
}

}  // namespace

void gather_rows(const Tensor& y, float beta, const Tensor& x, int64_t fixed, int64_t first,
                 const Tensor& order, int64_t begin) {
  const int64_t width = y.cols(), count = y.dim(1), rows = x.dim(1);
  dispatch(y.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      S* out = y.data<S>();
      const T* in = x.data<T>();
      each_row(y.dim(0), count, fixed, first, order, begin,
               [=](int64_t image, int64_t i, int64_t row) {
                 add_row(out + (image * count + i) * width, beta, in + (image * rows + row) * width,
                         width);
               });
    });
  });
}

void scatter_rows(const Tensor& y, const Tensor& x, int64_t first, const Tensor& order,
                  int64_t begin) {
  const int64_t width = y.cols(), count = x.dim(1), rows = y.dim(1);
  dispatch(y.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      S* out = y.data<S>();
      const T* in = x.data<T>();
      each_row(y.dim(0), count, 0, first, order, begin, [=](int64_t image, int64_t i, int64_t row) {
        add_row(out + (image * rows + row) * width, 1.0f, in + (image * count + i) * width, width);
      });
    });
  });
}

void restore_forward(const Tensor& y, const Tensor& x, const Tensor& mask_token,
                     const Tensor& order, const Tensor& positions) {
  const int64_t width = y.cols(), rows = y.dim(1), visible = x.dim(1);
  dispatch(y.dtype(), [&]<typename T>() {
    T* out = y.data<T>();
    const T* in = x.data<T>();
    const float *mask = mask_token.data<float>(), *table = positions.data<float>();
    each_row(y.dim(0), rows, 1, 1, order, 0, [=](int64_t image, int64_t i, int64_t row) {
      T* to = out + (image * rows + row) * width;
      const T* from = in + (image * visible + i) * width;
      const float* position = table + row * width;
      if (i < visible)
        for (int64_t j = 0; j < width; ++j) to[j] = static_cast<float>(from[j]) + position[j];
      else
        for (int64_t j = 0; j < width; ++j) to[j] = mask[j] + position[j];
    });
  });
}

void sum_masked(const Tensor& sum, const Tensor& x, const Tensor& order, int64_t begin) {
  const int64_t width = x.cols(), rows = x.dim(1), patches = order.dim(1);
  dispatch(x.dtype(), [&]<typename T>() {
    parallel_for(x.dim(0), 1, [&](int64_t image, int64_t) {
      float* total = sum.data<float>() + image * width;
      std::fill_n(total, width, 0.0f);
      for (int64_t i = begin; i < patches; ++i) {
        const auto row = 1 + static_cast<int64_t>(order.data<float>()[image * patches + i]);
        const T* from = x.data<T>() + (image * rows + row) * width;
        for (int64_t j = 0; j < width; ++j) total[j] += static_cast<float>(from[j]);
      }
    });
  });
}

}  // namespace cpu
}  // namespace lspt
