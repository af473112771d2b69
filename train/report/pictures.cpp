#include "train/report/pictures.h"

#include <algorithm>
#include <cmath>

namespace lspt {
namespace {

uint8_t byte_of(float value) {
  return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

/// From dark to light with even steps of lightness, so that it reads without colour too.
std::array<float, 3> heat(float value) {
  constexpr std::array<std::array<float, 3>, 5> kStops = {
      {{20, 11, 53}, {101, 21, 110}, {186, 54, 85}, {245, 125, 21}, {252, 250, 160}}};
  const float at = std::clamp(value, 0.0f, 1.0f) * (kStops.size() - 1);
  const auto below = std::min(static_cast<size_t>(at), kStops.size() - 2);
  const float part = at - static_cast<float>(below);
  std::array<float, 3> out;
  for (size_t c = 0; c < 3; ++c)
    out[c] = kStops[below][c] + part * (kStops[below + 1][c] - kStops[below][c]);
  return out;
}

}  // namespace

Image picture_of(const Tensor& images, int64_t index, const Normalization& constants) {
  require(images.rank() == 4 && images.dim(1) == 3 && index < images.dim(0), "picture_of: image ",
          index, " of ", images.shape());
  const auto height = static_cast<size_t>(images.dim(2)),
             width = static_cast<size_t>(images.dim(3));
  const float* from = images.data<float>() + static_cast<size_t>(index) * 3 * height * width;
  Image out(static_cast<int>(width), static_cast<int>(height));
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < height * width; ++i)
      out.pixels[3 * i + c] =
          byte_of(255 * (from[c * height * width + i] * constants.std[c] + constants.mean[c]));
  return out;
}

Image scaled(const Image& picture, int side) {
  return resize(picture, side, side, Interpolation::bicubic);
}

Image heat_over(const Image& picture, const float* weights, int grid, int side) {
  constexpr float kPhoto = 0.45f;  // of what is seen; the rest is the colour of the weight
  const float largest = *std::max_element(weights, weights + grid * grid);
  Image out = scaled(picture, side);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      uint8_t* pixel = out.row(y) + 3 * x;
      const float gray = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2],
                  weight = weights[y * grid / side * grid + x * grid / side];
      const std::array<float, 3> color = heat(largest > 0 ? weight / largest : 0);
      for (size_t c = 0; c < 3; ++c) pixel[c] = byte_of(kPhoto * gray + (1 - kPhoto) * color[c]);
    }
  return out;
}

}  // namespace lspt
