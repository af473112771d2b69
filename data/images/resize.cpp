#include "data/images/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/error.h"

// Pillow's weights are computed without fused multiply-add: with it, one could round the other way.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

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

// Outputs begin .. begin + count - 1 of an axis: the i-th of them is sum_j weights[i * taps + j] *
// in[first[i] + j] over j < taps. The edges have fewer taps; zeros fill them up, so that every
// output runs the same loop. An axis that keeps its length has weights of 1 and 0.
struct Axis {
  int taps = 0;
  std::vector<int> first;
  std::vector<int32_t> weights;
  int count() const { return static_cast<int>(first.size()); }
  int end() const { return first.back() + taps; }  // of what the outputs read
};

Axis make_axis(int n, int m, const Filter& filter, int begin_at, int outputs) {
  const double scale = static_cast<double>(n) / m;
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  const double inverse = 1.0 / stretch;
  const auto center = [&](int i) { return (i + 0.5) * scale; };
  const auto low = [&](int i) { return std::max(static_cast<int>(center(i) - support + 0.5), 0); };
  const auto high = [&](int i) { return std::min(static_cast<int>(center(i) + support + 0.5), n); };
  Axis axis;
  for (int k = 0; k < outputs; ++k)
    axis.taps = std::max(axis.taps, high(begin_at + k) - low(begin_at + k));
  axis.first.resize(static_cast<size_t>(outputs));
  axis.weights.resize(static_cast<size_t>(outputs) * axis.taps);
  std::vector<double> w(static_cast<size_t>(axis.taps));
  for (int k = 0; k < outputs; ++k) {
    const int i = begin_at + k, begin = low(i), count = high(i) - begin;
    double sum = 0.0;
    for (int j = 0; j < count; ++j) {
      w[j] = filter.value((j + begin - center(i) + 0.5) * inverse);
      sum += w[j];
    }
    axis.first[k] = std::min(begin, n - axis.taps);
    int32_t* weights = &axis.weights[static_cast<size_t>(k) * axis.taps + begin - axis.first[k]];
    for (int j = 0; j < count; ++j) {
      const double value = (sum != 0.0 ? w[j] / sum : w[j]) * (1 << kBits);
      weights[j] = static_cast<int32_t>(value < 0 ? value - 0.5 : value + 0.5);
    }
  }
  return axis;
}

// What that reads, and a pixel or two more.
struct Span {
  int begin, count;
};
Span reach(int n, int m, const Filter& filter, int begin_at, int outputs) {
  const double scale = static_cast<double>(n) / m;
  const double support = filter.support * std::max(scale, 1.0);
  const int taps = static_cast<int>(2 * support) + 2;
  const int low = static_cast<int>((begin_at + 0.5) * scale - support);
  const int high = static_cast<int>((begin_at + outputs - 0.5) * scale - support) + 1 + taps;
  const int begin = std::max(std::min(low, n - taps), 0);
  return {begin, std::min(high, n) - begin};
}

// to[i] = sum_j weights[j] from[j * stride + i] over j < taps, i < N: both passes' inner loop, with
// sums in registers (which compilers manage in a function of its own).
template <int N>
[[gnu::noinline]] void blend(const uint8_t* from, size_t stride, const int32_t* weights, int taps,
                             uint8_t* to) {
  int32_t sum[N];
  for (int i = 0; i < N; ++i) sum[i] = 1 << (kBits - 1);
  for (int j = 0; j < taps; ++j)
    for (int i = 0; i < N; ++i) sum[i] += weights[j] * from[j * stride + i];
  for (int i = 0; i < N; ++i) to[i] = static_cast<uint8_t>(std::clamp(sum[i] >> kBits, 0, 255));
}

// Pixels move as four bytes, of which the last is not used: what is written from left to right, row
// by row, gets it right by the next pixel, and only the last one needs care.
template <size_t from_step, size_t to_step>
void move_pixels(const uint8_t* from, uint8_t* to, int count) {
  constexpr int kUnrolled = 8;
  int x = 0;
  for (; x + kUnrolled < count;
       x += kUnrolled, from += kUnrolled * from_step, to += kUnrolled * to_step)
    for (size_t i = 0; i < kUnrolled; ++i) std::memcpy(to + i * to_step, from + i * from_step, 4);
  for (; x + 1 < count; ++x, from += from_step, to += to_step) std::memcpy(to, from, 4);
  std::memcpy(to, from, 3);
}

// Groups of rows are interleaved, pixel by pixel, so that neighbours along x are whole vectors.
// `image` begins at column `begin` of the axis.
Image resize_columns(const Image& image, const Axis& axis, int begin, int top, int height) {
  constexpr int kRows = 21, kGroup = 3 * kRows + 1;
  const int width = axis.count();
  Image out(width, height);
  const int left = axis.first.front(), columns = axis.end() - left;
  Pixels in(static_cast<size_t>(columns) * kGroup);
  Pixels blended(static_cast<size_t>(width) * kGroup);
  for (int y = 0; y < height; y += kRows) {
    const int rows = std::min(kRows, height - y);
    for (int r = 0; r < rows; ++r)
      move_pixels<3, kGroup>(image.row(top + y + r) + 3 * (left - begin),
                             &in[3 * static_cast<size_t>(r)], columns);
    for (int x = 0; x < width; ++x)
      blend<kGroup>(&in[static_cast<size_t>(axis.first[x] - left) * kGroup], kGroup,
                    &axis.weights[static_cast<size_t>(x) * axis.taps], axis.taps,
                    &blended[static_cast<size_t>(x) * kGroup]);
    for (int r = 0; r < rows; ++r)
      move_pixels<kGroup, 3>(&blended[3 * static_cast<size_t>(r)], out.row(y + r), width);
  }
  return out;
}

// `image` begins at row `top` of the axis.
Image resize_rows(const Image& image, const Axis& axis, int top) {
  constexpr int kBlock = 64;
  Image out(image.width, axis.count());
  const size_t bytes = 3 * static_cast<size_t>(image.width);
  for (int y = 0; y < out.height; ++y) {
    const int32_t* weights = &axis.weights[static_cast<size_t>(y) * axis.taps];
    const uint8_t* from = image.row(axis.first[y] - top);
    uint8_t* to = out.row(y);
    size_t x = 0;
    for (; x + kBlock <= bytes; x += kBlock)
      blend<kBlock>(from + x, bytes, weights, axis.taps, to + x);
    if (x < bytes && x > 0)  // the last block overlaps the one before
      blend<kBlock>(from + bytes - kBlock, bytes, weights, axis.taps, to + bytes - kBlock);
    for (; x < bytes && bytes < kBlock; ++x) blend<1>(from + x, bytes, weights, axis.taps, to + x);
  }
  return out;
}

Filter filter_of(Interpolation interpolation) {
  require(interpolation != Interpolation::tf_bilinear, "resize: tf_bilinear gives no bytes");
  return interpolation == Interpolation::bilinear ? Filter{1.0, triangle} : Filter{2.0, cubic};
}

// `image` begins at column `left` and row `top` of one of the size `whole`.
Image resize(const Image& image, int left, int top, const Size& whole, const Size& size,
             Interpolation interpolation, const Window& part) {
  require(whole.width > 0 && whole.height > 0 && part.left >= 0 && part.top >= 0 &&
              part.width > 0 && part.height > 0 && part.width <= size.width - part.left &&
              part.height <= size.height - part.top,
          "resize: ", whole.width, " x ", whole.height, " to ", part.width, " x ", part.height,
          " at (", part.top, ", ", part.left, ") of ", size.width, " x ", size.height);
  const Filter filter = filter_of(interpolation);
  const Axis columns = make_axis(whole.width, size.width, filter, part.left, part.width);
  const Axis rows = make_axis(whole.height, size.height, filter, part.top, part.height);
  const int first = rows.first.front();
  require(columns.first.front() >= left && columns.end() <= left + image.width && first >= top &&
              rows.end() <= top + image.height,
          "resize: reads more than the ", image.width, " x ", image.height, " pixels at (", top,
          ", ", left, ") of ", whole.width, " x ", whole.height);
  return resize_rows(resize_columns(image, columns, left, first - top, rows.end() - first), rows,
                     first);
}

}  // namespace

Window read_by_resize(const Size& image, const Size& size, Interpolation interpolation,
                      const Window& part) {
  const Filter filter = filter_of(interpolation);
  const Span columns = reach(image.width, size.width, filter, part.left, part.width);
  const Span rows = reach(image.height, size.height, filter, part.top, part.height);
  return {columns.begin, rows.begin, columns.count, rows.count};
}

Image resize(const ImagePart& image, const Size& size, Interpolation filter, const Window& part) {
  return resize(image.pixels, image.left, image.top, image.whole, size, filter, part);
}

Image resize(const Image& image, int width, int height, Interpolation filter) {
  if (width == image.width && height == image.height) return image;
  return resize(image, 0, 0, image, {width, height}, filter, {0, 0, width, height});
}

Size ResizeRule::size_of(const Size& image, const std::string& name) const {
  const int64_t w = image.width, h = image.height;
  if (shape == Shape::as_decoded || (shape == Shape::short_side && std::min(w, h) == side) ||
      (shape == Shape::at_most && std::min(w, h) <= side))
    return {image.width, image.height};
  if (shape == Shape::exact) return {side, side};
  const int64_t out_w = w <= h ? side : side * w / h, out_h = w <= h ? side * h / w : side;
  check_image_size(out_w, out_h, name + " resized");
  return {static_cast<int>(out_w), static_cast<int>(out_h)};
}

Image resize(Image image, const ResizeRule& rule, const std::string& name) {
  const Size size = rule.size_of(image, name);
  if (size.width == image.width && size.height == image.height) return image;
  return resize(image, size.width, size.height, rule.filter);
}

std::string text_of(const ResizeRule& rule) {
  if (rule.shape == ResizeRule::Shape::as_decoded) return "decoded";
  const char* shape = rule.shape == ResizeRule::Shape::exact     ? "exact"
                      : rule.shape == ResizeRule::Shape::at_most ? "most"
                                                                 : "short";
  return shape + std::to_string(rule.side) +
         (rule.filter == Interpolation::bicubic ? "-bicubic" : "-bilinear");
}

}  // namespace lspt
