#include <algorithm>

#include "data/images/resize.h"

// TensorFlow's sums are computed without fused multiply-add: with it, some round the other way.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

namespace lspt {

std::vector<float> resize_tf(const ImageView& image, int width, int height) {
  struct Tap {
    int low, high;
    float t;
  };
  const auto taps = [](int n, int m) {
    std::vector<Tap> out(static_cast<size_t>(m));
    const float scale = static_cast<float>(n) / static_cast<float>(m);
    for (int i = 0; i < m; ++i) {
      const float x = static_cast<float>(i) * scale;
      const int low = static_cast<int>(x);
      out[static_cast<size_t>(i)] = {std::min(low, n - 1), std::min(low + 1, n - 1),
                                     x - static_cast<float>(low)};
    }
    return out;
  };
  const std::vector<Tap> columns = taps(image.width, width), rows = taps(image.height, height);
  std::vector<float> out;
  out.reserve(3 * columns.size() * rows.size());
  for (const Tap& y : rows)
    for (const Tap& x : columns)
      for (int c = 0; c < 3; ++c) {
        const auto across = [&](int row) {
          const float left = image.row(row)[3 * x.low + c], right = image.row(row)[3 * x.high + c];
          return left + (right - left) * x.t;
        };
        const float top = across(y.low), bottom = across(y.high);
        out.push_back(top + (bottom - top) * y.t);
      }
  return out;
}

}  // namespace lspt
