#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/error.h"

// Pillow's weights are computed without fused multiply-add: with it, one could round the other way.
#pragma GCC optimize("fp-contract=off")

namespace lspt {
namespace {

constexpr int kBits = 22;

struct Filter {
  double support;
  double (*value)(double x);
};

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Output i of an axis is sum_j weights[i * taps + j] * in[first[i] + j] over j < taps. The edges
// have fewer taps; zeros fill them up, so that every output runs the same loop.
struct Axis {
  int taps = 0;
  std::vector<int> first;
  std::vector<int32_t> weights;
};

Axis make_axis(int n, int m, const Filter& filter) {
  const double scale = static_cast<double>(n) / m;
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  const double inverse = 1.0 / stretch;
  const auto center = [&](int i) { return (i + 0.5) * scale; };
  const auto low = [&](int i) { return std::max(static_cast<int>(center(i) - support + 0.5), 0); };
  const auto high = [&](int i) { return std::min(static_cast<int>(center(i) + support + 0.5), n); };
  Axis axis;
  for (int i = 0; i < m; ++i) axis.taps = std::max(axis.taps, high(i) - low(i));
  axis.first.resize(static_cast<size_t>(m));
  axis.weights.resize(static_cast<size_t>(m) * axis.taps);
  std::vector<double> w(static_cast<size_t>(axis.taps));
  for (int i = 0; i < m; ++i) {
    const int begin = low(i), count = high(i) - begin;
    double sum = 0.0;
    for (int j = 0; j < count; ++j) {
      w[j] = filter.value((j + begin - center(i) + 0.5) * inverse);
      sum += w[j];
    }
    axis.first[i] = std::min(begin, n - axis.taps);
    int32_t* weights = &axis.weights[static_cast<size_t>(i) * axis.taps + begin - axis.first[i]];
    for (int j = 0; j < count; ++j) {
      const double k = (sum != 0.0 ? w[j] / sum : w[j]) * (1 << kBits);
      weights[j] = static_cast<int32_t>(k < 0 ? k - 0.5 : k + 0.5);
    }
  }
  return axis;
}

// to[i] = sum_j weights[j] from[j * stride + i] over j < taps, i < N: both passes' inner loop, with
// sums in registers.
template <int N>
void blend(const uint8_t* from, size_t stride, const int32_t* weights, int taps, uint8_t* to) {
  int32_t sum[N];
  for (int i = 0; i < N; ++i) sum[i] = 1 << (kBits - 1);
  for (int j = 0; j < taps; ++j)
    for (int i = 0; i < N; ++i) sum[i] += weights[j] * from[j * stride + i];
  for (int i = 0; i < N; ++i) to[i] = static_cast<uint8_t>(std::clamp(sum[i] >> kBits, 0, 255));
}

// Groups of rows are interleaved, pixel by pixel with a byte that is not used, so that neighbours
// along x are whole vectors.
Image resize_columns(const Image& image, int width, const Filter& filter) {
  constexpr int kRows = 16, kGroup = 4 * kRows;
  const Axis axis = make_axis(image.width, width, filter);
  Image out(width, image.height);
  std::vector<uint8_t> in(static_cast<size_t>(image.width) * kGroup);
  uint8_t blended[kGroup];
  for (int y = 0; y < image.height; y += kRows) {
    const int rows = std::min(kRows, image.height - y);
    for (int r = 0; r < rows; ++r) {
      const uint8_t* from = image.row(y + r);
      for (int x = 0; x < image.width; ++x)
        std::memcpy(&in[static_cast<size_t>(x) * kGroup + 4 * r], from + 3 * x, 3);
    }
    for (int x = 0; x < width; ++x) {
      blend<kGroup>(&in[static_cast<size_t>(axis.first[x]) * kGroup], kGroup,
                    &axis.weights[static_cast<size_t>(x) * axis.taps], axis.taps, blended);
      for (int r = 0; r < rows; ++r) std::memcpy(out.row(y + r) + 3 * x, blended + 4 * r, 3);
    }
  }
  return out;
}

Image resize_rows(const Image& image, int height, const Filter& filter) {
  constexpr int kBlock = 64;
  const Axis axis = make_axis(image.height, height, filter);
  Image out(image.width, height);
  const size_t bytes = 3 * static_cast<size_t>(image.width);
  for (int y = 0; y < height; ++y) {
    const int32_t* weights = &axis.weights[static_cast<size_t>(y) * axis.taps];
    const uint8_t* from = image.row(axis.first[y]);
    uint8_t* to = out.row(y);
    size_t x = 0;
    for (; x + kBlock <= bytes; x += kBlock)
      blend<kBlock>(from + x, bytes, weights, axis.taps, to + x);
    for (; x < bytes; ++x) blend<1>(from + x, bytes, weights, axis.taps, to + x);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int width, int height, Interpolation interpolation) {
  require(!image.pixels.empty() && width > 0 && height > 0, "resize: ", image.width, " x ",
          image.height, " to ", width, " x ", height);
  require(interpolation != Interpolation::tf_bilinear, "resize: tf_bilinear gives no bytes");
  const Filter filter =
      interpolation == Interpolation::bilinear ? Filter{1.0, triangle} : Filter{2.0, cubic};
  const bool columns = width != image.width, rows = height != image.height;
  if (!columns && !rows) return image;
  if (!rows) return resize_columns(image, width, filter);
  if (!columns) return resize_rows(image, height, filter);
  return resize_rows(resize_columns(image, width, filter), height, filter);
}

Image resize_short_side(Image image, int side, Interpolation filter, const std::string& name) {
  const int64_t w = image.width, h = image.height;
  if (std::min(w, h) == side) return image;
  const int64_t out_w = w <= h ? side : side * w / h, out_h = w <= h ? side * h / w : side;
  check_image_size(out_w, out_h, name + " resized");
  return resize(image, static_cast<int>(out_w), static_cast<int>(out_h), filter);
}

Image resize(Image image, const ResizeRule& rule, const std::string& name) {
  switch (rule.shape) {
    case ResizeRule::Shape::short_side:
      return resize_short_side(std::move(image), rule.side, rule.filter, name);
    case ResizeRule::Shape::exact:
      return resize(image, rule.side, rule.side, rule.filter);
    case ResizeRule::Shape::as_decoded:
      break;
  }
  return image;
}

std::string text_of(const ResizeRule& rule) {
  if (rule.shape == ResizeRule::Shape::as_decoded) return "decoded";
  return (rule.shape == ResizeRule::Shape::exact ? "exact" : "short") + std::to_string(rule.side) +
         (rule.filter == Interpolation::bicubic ? "-bicubic" : "-bilinear");
}

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
