#include "train/pretrain/picture.h"

#include <algorithm>
#include <cmath>

#include "ops/patch_loss.h"

namespace lspt {
namespace {

constexpr size_t kImages = 8;
constexpr int kGap = 4, kLeastSide = 96;  // pixels of the picture

/// A patch of one image, (3, S, S): values in the order (y, x, channel).
class Patch {
 public:
  Patch(float* image, int64_t number, int64_t size, int64_t patch)
      : corner_(image + number / (size / patch) * patch * size + number % (size / patch) * patch),
        size_(size),
        patch_(patch) {}
  int64_t count() const { return 3 * patch_ * patch_; }
  float& operator[](int64_t i) const {
    const int64_t pixel = i / 3;
    return corner_[i % 3 * size_ * size_ + pixel / patch_ * size_ + pixel % patch_];
  }

 private:
  float* corner_;
  int64_t size_, patch_;
};

/// Mean and what a patch is divided by when it is normalized.
std::pair<float, float> statistics(const Patch& patch) {
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(patch.count());
  for (int64_t i = 0; i < patch.count(); ++i) sum += static_cast<double>(patch[i]);
  const double mean = sum / n;
  for (int64_t i = 0; i < patch.count(); ++i) {
    const double d = static_cast<double>(patch[i]) - mean;
    squares += d * d;
  }
  return {static_cast<float>(mean),
          static_cast<float>(std::sqrt(squares / (n - 1) + static_cast<double>(kPatchVariance)))};
}

/// Puts (3, S, S) normalized values into the picture, each pixel `scale` times as large.
void paint(Image& picture, int left, int top, const float* image, int size, int scale,
           const Normalization& normalization) {
  for (int y = 0; y < size * scale; ++y)
    for (int x = 0; x < size * scale; ++x)
      for (size_t c = 0; c < 3; ++c) {
        const float value = image[(static_cast<int>(c) * size + y / scale) * size + x / scale];
        const float level = 255.0f * (value * normalization.std[c] + normalization.mean[c]);
        picture.row(top + y)[3 * (left + x) + static_cast<int>(c)] =
            static_cast<uint8_t>(std::lround(std::clamp(level, 0.0f, 255.0f)));
      }
}

}  // namespace

Batch some_images(const Dataset& data, const LoaderOptions& looks) {
  const auto& part = !data.test.empty() ? data.test : !data.val.empty() ? data.val : data.train;
  // Spread over the list, which is often sorted by class.
  std::vector<Sample> few;
  const size_t count = std::min(kImages, part.size());
  for (size_t i = 0; i < count; ++i) few.push_back(part[i * part.size() / count]);
  LoaderOptions options = looks;
  options.batch_size = static_cast<int64_t>(count);
  options.workers = 0;
  options.cache_file.clear();
  options.device = Device::cpu;
  Loader loader(std::move(few), options);
  Batch batch;
  loader.start(0);
  require(loader.next(batch), ErrorKind::kData, "picture: none of its images can be read");
  return batch;
}

Image reconstructions(const Mae& mae, const Batch& batch, const Normalization& normalization) {
  const MaeConfig& config = mae.config();
  const int size = config.vit.img_size, scale = std::max(1, kLeastSide / size);
  const int64_t patch = config.vit.patch_size, patches = config.vit.num_patches();
  const int64_t visible = config.visible(), values = 3 * patch * patch;
  const auto count = batch.images.dim(0);
  const Tensor order = random_order(batch.indices, patches, config.seed, 0);
  const Tensor drawn =
      to_device(to_dtype(mae.predict(batch.images, order).value, DType::f32), Device::cpu);
  const int side = size * scale, step = side + kGap;
  Image picture(kGap + 3 * step, kGap + static_cast<int>(count) * step);
  std::fill(picture.pixels.begin(), picture.pixels.end(), uint8_t{255});
  for (int64_t b = 0; b < count; ++b) {
    const float* original = batch.images.data<float>() + b * 3 * size * size;
    std::vector<float> seen(original, original + 3 * size * size), restored = seen;
    for (int64_t i = visible; i < patches; ++i) {
      const auto number = static_cast<int64_t>(order.data<float>()[b * patches + i]);
      const float* guess = drawn.data<float>() + (b * (patches - visible) + i - visible) * values;
      const Patch gap(seen.data(), number, size, patch),
          filled(restored.data(), number, size, patch);
      const auto [mean, deviation] =
          config.norm_pix ? statistics(filled) : std::pair<float, float>(0.0f, 1.0f);
      for (int64_t k = 0; k < values; ++k) {
        gap[k] = 0;  // the mean colour: gray
        filled[k] = guess[k] * deviation + mean;
      }
    }
    const int top = kGap + static_cast<int>(b) * step;
    const float* columns[] = {original, seen.data(), restored.data()};
    for (int column = 0; column < 3; ++column)
      paint(picture, kGap + column * step, top, columns[column], size, scale, normalization);
  }
  return picture;
}

}  // namespace lspt
