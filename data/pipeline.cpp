#include "data/pipeline.h"

#include <algorithm>
#include <tuple>

#include "engine/cuda.h"
#include "engine/digest.h"
#include "engine/kernel.h"

namespace lspt {

ImagePipeline::ImagePipeline(const std::vector<Sample>& samples, const LoaderOptions& options)
    : samples_(samples),
      options_(options),
      rule_(resize_rule(options)),
      normalizer_(options.normalization),
      cache_(options.cache_file, text_of(rule_), options.cache_bytes),
      direct_(options.cache_file.empty() && options.cache_bytes == 0 &&
              options.device == Device::cpu && rule_.shape != ResizeRule::Shape::as_decoded &&
              options.transform != Transform::mae),
      kept_(samples.size()) {
  if constexpr (kHasCuda)
    if (options.device == Device::cuda && rule_.shape != ResizeRule::Shape::as_decoded &&
        options.transform != Transform::mae)
      gpu_ = cuda::device_images(static_cast<int64_t>(samples.size()),
                                 std::min(options.device_bytes, cuda::memory_info().free / 4),
                                 options.normalization);
}

ImagePipeline::Part ImagePipeline::make(int64_t index, uint32_t epoch, float* out) {
  const int size = options_.img_size;
  if (direct_) {
    const std::string& path = samples_[static_cast<size_t>(index)].path;
    const auto plan = [&](const Size& whole) {
      const Size to = rule_.size_of(whole, path);
      const Crop crop = crop_of(index, epoch, to);
      return std::tuple(to, Window{crop.left, crop.top, size, size}, crop.flip);
    };
    const ImagePart image = load_part(path, [&](const Size& whole) {
      const auto [to, window, flip] = plan(whole);
      return read_by_resize(whole, to, rule_.filter, window);
    });
    ++decoded_;
    const auto [to, window, flip] = plan(image.whole);
    normalizer_.write(resize(image, to, rule_.filter, window), {0, 0, flip}, size, out);
    return {};
  }
  Part part;
  const ImageView image = resized(index, part.fresh);
  if (rule_.shape == ResizeRule::Shape::as_decoded) {
    normalizer_.write(resize_tf(image, size, size), size, out);
    return {};
  }
  if (options_.transform == Transform::mae) {
    write_resized(index, epoch, image, out);
    return {};
  }
  part.crop = crop_of(index, epoch, image);
  if (gpu_) return part;
  normalizer_.write(image, part.crop, size, out);
  return {};
}

void ImagePipeline::write_resized(int64_t index, uint32_t epoch, const ImageView& image,
                                  float* out) const {
  const int size = options_.img_size, side = std::min(image.width, image.height);
  const Random random(options_.seed, epoch, static_cast<uint64_t>(index), Purpose::augment);
  const auto [window, flip] =
      options_.random()
          ? random_resized_crop(image, random)
          : ResizedCrop{{(image.width - side) / 2, (image.height - side) / 2, side, side}};
  Image part(window.width, window.height);
  for (int y = 0; y < window.height; ++y)
    std::copy_n(image.row(window.top + y) + 3 * window.left, 3 * window.width, part.row(y));
  normalizer_.write(resize(part, size, size, rule_.filter), {0, 0, flip}, size, out);
}

/// As the cache has it, or else `fresh`.
ImageView ImagePipeline::resized(int64_t index, Image& fresh) {
  ImageView& view = kept_[static_cast<size_t>(index)];
  if (view || (gpu_ && gpu_->resident(index))) return view;
  const auto& [path, label, stamp] = samples_[static_cast<size_t>(index)];
  std::optional<PixelCache::Key> key;  // of the file as it is before it is read
  if (!options_.cache_file.empty()) key = PixelCache::key_of(path, stamp);
  if (key) view = cache_.find(*key);
  if (view) return view;
  fresh = resize(load_image(path), rule_, path);
  ++decoded_;
  view = cache_.keep(key, fresh);
  if (!view) return fresh;
  fresh = {};
  return view;
}

std::string ImagePipeline::pixels_digest() const {
  Digest digest;
  for (const Sample& sample : samples_) {
    const auto key = PixelCache::key_of(sample.path, sample.stamp);
    const auto crc = key ? cache_.crc(*key) : std::nullopt;
    if (!crc) return "";
    digest.add(std::to_string(*crc));
  }
  return digest.hex();
}

Crop ImagePipeline::crop_of(int64_t index, uint32_t epoch, const Size& image) const {
  const Random random(options_.seed, epoch, static_cast<uint64_t>(index), Purpose::augment);
  return options_.random() ? random_crop(image, options_.img_size, random)
                           : center_crop(image, options_.img_size, options_.crop_rule);
}

Tensor ImagePipeline::batch_on_gpu(const std::vector<int64_t>& indices,
                                   const std::vector<Part>& parts) {
  std::vector<DeviceImages::Item> items;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Image& fresh = parts[i].fresh;
    const ImageView& kept = kept_[static_cast<size_t>(indices[i])];
    items.push_back({indices[i], fresh.pixels.empty() ? kept : ImageView(fresh), parts[i].crop});
  }
  const Tensor batch = gpu_->batch(items, options_.img_size);
  for (const DeviceImages::Item& item : items) {
    if (!gpu_->resident(item.index)) continue;
    ImageView& view = kept_[static_cast<size_t>(item.index)];
    if (view) cache_.let_go(view);
    view = {item.image.width, item.image.height, nullptr};
  }
  return batch;
}

}  // namespace lspt
