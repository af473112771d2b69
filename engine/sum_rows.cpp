#include "engine/sum_rows.h"

#include <algorithm>

#include "engine/parallel.h"

namespace lspt::cpu {

void sum_rows(const Tensor& sum, float beta, float scale, const Tensor& x, const Rows& r,
              const char*) {
  if (sum.numel() == 0) return;
  const int64_t width = sum.numel() / r.groups;
  dispatch(sum.dtype(), [&]<typename S>() {
    dispatch(x.dtype(), [&]<typename T>() {
      S* out = sum.data<S>();
      const T* in = x.data<T>() + r.offset;
      // A piece owns 128 columns of one group and walks down them: one order of addition, and whole
      // cache lines.
      constexpr int64_t kColumns = 128;
      const int64_t pieces = (width + kColumns - 1) / kColumns;
      parallel_for(r.groups * pieces, 1, [=](int64_t piece, int64_t) {
        const int64_t group = piece / pieces, from = piece % pieces * kColumns;
        const int64_t count = std::min(width - from, kColumns);
        float total[kColumns] = {};
        for (int64_t i = 0; i < r.rows; ++i) {
          const T* row = in + group * r.group_stride + i * r.row_stride + from;
          for (int64_t j = 0; j < count; ++j) total[j] += static_cast<float>(row[j]);
        }
        S* to = out + group * width + from;
        for (int64_t j = 0; j < count; ++j)
          to[j] = scale * total[j] + (beta == 0.0f ? 0.0f : beta * static_cast<float>(to[j]));
      });
    });
  });
}

}  // namespace lspt::cpu
