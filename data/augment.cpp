#include "data/augment.h"

#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace lspt {
namespace {

void check_fits(const Size& image, int size) {
  require(size > 0 && size <= image.width && size <= image.height, "crop: ", size, " x ", size,
          " of an image of ", image.width, " x ", image.height);
}

// A batch is larger than the caches, and read when it has left them: writing it past them spares
// memory the reading of what is overwritten.
void copy_past_caches(float* to, const float* from, size_t count) {
  size_t i = 0;
#ifdef __SSE__
  if (reinterpret_cast<uintptr_t>(to) % 16 == 0)
    for (; i + 4 <= count; i += 4) _mm_stream_ps(to + i, _mm_loadu_ps(from + i));
#endif
  std::copy(from + i, from + count, to + i);
}

// Such writes may overtake what says that they are done.
void end_of_copies() {
#ifdef __SSE__
  _mm_sfence();
#endif
}

}  // namespace

Crop random_crop(const Size& image, int size, const Random& random) {
  check_fits(image, size);
  return {static_cast<int>(random.below(0, static_cast<uint32_t>(image.height - size + 1))),
          static_cast<int>(random.below(1, static_cast<uint32_t>(image.width - size + 1))),
          random.uniform(2) < 0.5f};
}

ResizedCrop random_resized_crop(const Size& image, const Random& random) {
  constexpr float kSmallest = 0.2f, kLargest = 1.0f;
  constexpr double kNarrow = 3.0 / 4.0, kWide = 4.0 / 3.0;
  const bool flip = random.uniform(40) < 0.5f;
  const double width = image.width, height = image.height;
  for (uint64_t t = 0; t < 10; ++t) {
    const double area =
        width * height * static_cast<double>(random.uniform(4 * t, kSmallest, kLargest));
    const double ratio = std::exp(static_cast<double>(random.uniform(
        4 * t + 1, static_cast<float>(std::log(kNarrow)), static_cast<float>(std::log(kWide)))));
    const int w = static_cast<int>(std::lround(std::sqrt(area * ratio)));
    const int h = static_cast<int>(std::lround(std::sqrt(area / ratio)));
    if (w < 1 || h < 1 || w > image.width || h > image.height) continue;
    const auto top = random.below(4 * t + 2, static_cast<uint32_t>(image.height - h + 1));
    const auto left = random.below(4 * t + 3, static_cast<uint32_t>(image.width - w + 1));
    return {{static_cast<int>(left), static_cast<int>(top), w, h}, flip};
  }
  const double ratio = width / height;
  const int w = ratio > kWide ? static_cast<int>(std::lround(height * kWide)) : image.width;
  const int h = ratio < kNarrow ? static_cast<int>(std::lround(width / kNarrow)) : image.height;
  return {{(image.width - w) / 2, (image.height - h) / 2, w, h}, flip};
}

Crop center_crop(const Size& image, int size, CropRule rule) {
  check_fits(image, size);
  const auto offset = [&](int extent) {
    const int margin = extent - size;
    if (rule == CropRule::torchvision_0_8) return (margin + 1) / 2;
    return margin / 2 + (margin % 4 == 3 ? 1 : 0);
  };
  return {offset(image.height), offset(image.width), false};
}

void Normalizer::write(const ImageView& image, const Crop& crop, int size, float* out) const {
  require(crop.top >= 0 && crop.left >= 0 && crop.top + size <= image.height &&
              crop.left + size <= image.width,
          "crop: ", size, " x ", size, " at (", crop.top, ", ", crop.left, ") of an image of ",
          image.width, " x ", image.height);
  // The colours of a row apart, so that the arithmetic is that of whole vectors.
  const size_t count = static_cast<size_t>(size);
  std::vector<uint8_t> planes(3 * count);
  std::vector<float> line(count);
  uint8_t *const red = planes.data(), *const green = red + count, *const blue = green + count;
  for (int y = 0; y < size; ++y) {
    const uint8_t* from = image.row(crop.top + y) + 3 * crop.left;
    for (size_t x = 0; x < count; ++x) {
      red[x] = from[3 * x];
      green[x] = from[3 * x + 1];
      blue[x] = from[3 * x + 2];
    }
    for (size_t c = 0; c < 3; ++c) {
      uint8_t* const plane = planes.data() + c * count;
      if (crop.flip) std::reverse(plane, plane + count);
      float* const to = out + (c * count + static_cast<size_t>(y)) * count;
      const float mean = constants_.mean[c], std = constants_.std[c];
      for (size_t x = 0; x < count; ++x)
        line[x] = (static_cast<float>(plane[x]) / 255.0f - mean) / std;
      copy_past_caches(to, line.data(), count);
    }
  }
  end_of_copies();
}

void Normalizer::write(const std::vector<float>& values, int size, float* out) const {
  const size_t plane = static_cast<size_t>(size) * static_cast<size_t>(size);
  require(values.size() == 3 * plane, "normalise: ", values.size(), " values, 3 x ", size, " x ",
          size, " expected");
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < plane; ++i)
      out[c * plane + i] = (values[3 * i + c] / 255.0f - constants_.mean[c]) / constants_.std[c];
}

}  // namespace lspt
