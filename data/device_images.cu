// Images stay on the GPU as decoded bytes (a quarter of f32, and not yet cropped) as far as
// memory is left for them; a batch is cut, mirrored and normalized from there by one kernel, a
// thread a pixel. What is not there yet is copied by a stream of its own out of page-locked
// memory while the step before still computes; two stages take turns, and events say when a
// buffer is free.
#include <algorithm>
#include <cstring>

#include "data/device_images.h"
#include "engine/cuda.cuh"

namespace lspt::cuda {
namespace device_images_cu {

struct Entry {
  const uint8_t* pixels;  // rows of RGB
  int width, top, left, flip;
};

/// A thread owns one pixel of a crop; a crop has `blocks_each` blocks.
__global__ void write_crops(float* out, const Entry* entries, int size, unsigned blocks_each,
                            Normalization constants) {
  const unsigned image = blockIdx.x / blocks_each;
  const int i = static_cast<int>(blockIdx.x % blocks_each * blockDim.x + threadIdx.x);
  if (i >= size * size) return;
  const Entry e = entries[image];
  const int y = i / size, x = e.flip ? size - 1 - i % size : i % size;
  const uint8_t* from = e.pixels + (static_cast<int64_t>(e.top + y) * e.width + e.left + x) * 3;
  float* to = out + static_cast<int64_t>(image) * 3 * size * size + i;
  for (size_t c = 0; c < 3; ++c)
    to[c * size * size] =
        (static_cast<float>(from[c]) / 255.0f - constants.mean[c]) / constants.std[c];
}

// Memory that the copying stream writes to. It does not come from the pool, whose blocks are free
// only in the order of the main stream.

/// A buffer that grows, in page-locked host memory or in the GPU's.
class Buffer {
 public:
  explicit Buffer(Device device) : device_(device) {}
  ~Buffer() { free(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  uint8_t* reserve(size_t bytes) {
    if (bytes <= bytes_) return data_;
    free();
    if (device_ == Device::cuda)
      data_ = static_cast<uint8_t*>(take(bytes));
    else
      LSPT_CHECK(cudaHostAlloc(reinterpret_cast<void**>(&data_), bytes, cudaHostAllocDefault));
    require(data_ != nullptr, ErrorKind::kMemory, "out of GPU memory: ", bytes >> 20,
            " MiB wanted for a batch of images; a smaller --batch-size needs less");
    bytes_ = bytes;
    return data_;
  }

 private:
  void free() {
    if (device_ == Device::cuda)
      give(data_);
    else
      cudaFreeHost(data_);
    data_ = nullptr;
    bytes_ = 0;
  }
  Device device_;
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
};

/// Room for what stays, handed out from large pieces.
class Slabs {
 public:
  explicit Slabs(size_t budget) : budget_(budget) {}
  ~Slabs() {
    for (uint8_t* slab : slabs_) give(slab);
  }
  /// nullptr if the budget, or the GPU's memory, is used up.
  uint8_t* room(size_t bytes) {
    constexpr size_t kSlab = size_t{64} << 20;
    bytes = (bytes + 255) / 256 * 256;
    if (bytes > left_) {
      const size_t size = std::max(bytes, std::min(kSlab, budget_));
      uint8_t* slab = size <= budget_ ? static_cast<uint8_t*>(take(size)) : nullptr;
      if (!slab) return nullptr;
      slabs_.push_back(slab);
      budget_ -= size;
      next_ = slab;
      left_ = size;
    }
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }

 private:
  size_t budget_, left_ = 0;
  uint8_t* next_ = nullptr;
  std::vector<uint8_t*> slabs_;
};

class Images final : public DeviceImages {
 public:
  Images(int64_t samples, size_t bytes, const Normalization& constants)
      : kept_(static_cast<size_t>(samples)), slabs_(bytes), constants_(constants) {
    LSPT_CHECK(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking));
    for (Stage& stage : stages_)
      for (cudaEvent_t* event : {&stage.copied, &stage.read})
        LSPT_CHECK(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
  }
  ~Images() override {
    cudaStreamSynchronize(copies_);
    cudaStreamSynchronize(stream());
    for (const Stage& stage : stages_) {
      cudaEventDestroy(stage.copied);
      cudaEventDestroy(stage.read);
    }
    cudaStreamDestroy(copies_);
  }

  bool resident(int64_t index) const override { return kept_[static_cast<size_t>(index)]; }

  Tensor batch(const std::vector<Item>& items, int size) override {
    const OpScope op("crop images", 15 * static_cast<int64_t>(items.size()) * size * size);
    Stage& stage = stages_[batches_++ % 2];
    LSPT_CHECK(cudaEventSynchronize(stage.copied));           // the page-locked buffer is free,
    LSPT_CHECK(cudaStreamWaitEvent(copies_, stage.read, 0));  // the GPU's once its reader is done
    size_t bytes = 0;
    for (const Item& item : items) bytes += resident(item.index) ? 0 : item.image.bytes();
    uint8_t* pinned = bytes > 0 ? stage.pinned.reserve(bytes) : nullptr;
    uint8_t* passing = nullptr;  // room for those that do not stay
    std::vector<Entry> entries;
    for (const Item& item : items) {
      const ImageView& image = item.image;
      require(item.crop.top >= 0 && item.crop.left >= 0 && item.crop.top + size <= image.height &&
                  item.crop.left + size <= image.width,
              "crop: ", size, " x ", size, " at (", item.crop.top, ", ", item.crop.left,
              ") of an image of ", image.width, " x ", image.height);
      uint8_t*& kept = kept_[static_cast<size_t>(item.index)];
      uint8_t* to = kept;
      if (const size_t count = image.bytes(); !kept) {
        require(bool(image), "device images: sample ", item.index, " has no pixels");
        std::memcpy(pinned, image.pixels, count);
        to = kept = slabs_.room(count);
        if (!to) {
          if (!passing) passing = stage.passing.reserve(bytes);
          to = std::exchange(passing, passing + count);
        }
        LSPT_CHECK(cudaMemcpyAsync(to, pinned, count, cudaMemcpyHostToDevice, copies_));
        pinned += count;
      }
      entries.push_back({to, image.width, item.crop.top, item.crop.left, item.crop.flip ? 1 : 0});
    }
    LSPT_CHECK(cudaEventRecord(stage.copied, copies_));
    LSPT_CHECK(cudaStreamWaitEvent(stream(), stage.copied, 0));

    const int64_t count = static_cast<int64_t>(items.size());
    const Tensor table({count, sizeof(Entry) / 4}, DType::f32, Device::cuda);
    copy_to_device(table.raw(), entries.data(), table.nbytes());
    const Tensor out({count, 3, size, size}, DType::f32, Device::cuda);
    const unsigned each = blocks(int64_t{size} * size);
    launch(write_crops, blocks(count * each, 1), kBlock, out.data<float>(),
           static_cast<const Entry*>(table.raw()), size, each, constants_);
    LSPT_CHECK(cudaEventRecord(stage.read, stream()));
    return out;
  }

 private:
  struct Stage {
    Buffer pinned{Device::cpu}, passing{Device::cuda};
    cudaEvent_t copied{}, read{};
  };
  std::vector<uint8_t*> kept_;  // of each sample, or nullptr
  Slabs slabs_;
  Normalization constants_;
  Stage stages_[2];
  int64_t batches_ = 0;
  cudaStream_t copies_{};
};

}  // namespace device_images_cu

std::unique_ptr<DeviceImages> device_images(int64_t samples, size_t bytes,
                                            const Normalization& constants) {
  return std::make_unique<device_images_cu::Images>(samples, bytes, constants);
}

}  // namespace lspt::cuda
