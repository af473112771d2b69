#include "ops/lstm_input.h"

#include <algorithm>

#include "engine/narrow.h"
#include "engine/parallel.h"

namespace lspt::cpu {

constexpr int64_t kInputGrain = 4;  // rows a piece owns

void lstm_input(const Tensor& to, const Tensor& x, int64_t begin, const Tensor& mean,
                const Tensor& h) {
  const int64_t width = x.cols(), pitch = to.cols(), hidden = pitch - width;
  const int64_t images = x.rank() == 3 ? x.dim(0) : 1, each = to.rows() / images;
  dispatch(to.dtype(), [&]<typename T>() {
    T* out = to.data<T>();
    const T *in = x.data<T>(), *add = mean ? mean.data<T>() : nullptr,
            *state = h ? h.data<T>() : nullptr;
    parallel_for(to.rows(), kInputGrain, [=, rows = x.dim(-2)](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const int64_t image = row / each;
        const T* from = in + (image * rows + begin + row % each) * width;
        T* s = out + row * pitch;
        if (add)
          store_each(s, width, [from, mean_row = add + image * width](int64_t j) {
            return static_cast<float>(from[j]) + static_cast<float>(mean_row[j]);
          });
        else
          std::copy_n(from, width, s);
        if (state) std::copy_n(state + row * hidden, hidden, s + width);
      }
    });
  });
}

void lstm_input_backward(const Tensor& dx, int64_t begin, const Tensor& dh, float beta,
                         const Tensor& dto) {
  const int64_t pitch = dto.cols(), width = dx ? dx.cols() : pitch - dh.cols();
  const int64_t images = dx && dx.rank() == 3 ? dx.dim(0) : 1, each = dto.rows() / images;
  dispatch(dto.dtype(), [&]<typename T>() {
    // A row of `to`: what it holds if factor is 1, plus from.
    const auto add = [](const Tensor& to, int64_t row, float factor, const T* from) {
      dispatch(to.dtype(), [&]<typename S>() {
        S* out = to.data<S>() + row * to.cols();
        store_each(out, to.cols(), [=](int64_t j) {
          return (factor == 0.0f ? 0.0f : static_cast<float>(out[j])) + static_cast<float>(from[j]);
        });
      });
    };
    parallel_for(dto.rows(), kInputGrain, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const T* from = dto.data<T>() + row * pitch;
        if (dx) add(dx, row / each * dx.dim(-2) + begin + row % each, 1.0f, from);
        if (dh) add(dh, row, beta, from + width);
      }
    });
  });
}

}  // namespace lspt::cpu
