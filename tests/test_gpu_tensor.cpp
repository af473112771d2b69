// Tensors and images on the GPU; the ops there are in test_ops.cpp.
#include "data/device_images.h"
#include "engine/tensor.h"
#include "tests/gpu.h"

using namespace lspt;
using namespace lspt::test;

TEST_CASE("tensors travel to the GPU and back, and change their dtype on either side" *
          needs_gpu()) {
  const Tensor host = Tensor::from({1.0f, -2.5f, 3.14159f, 1e30f, 0.0f}, {5});
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Tensor there({5}, dtype, Device::cuda), back({5}, DType::f32);
    copy(there, host);
    copy(back, there);
    CHECK(back.to_vector() == to_dtype(host, dtype).to_vector());
    CHECK(to_dtype(to_device(host, Device::cuda), dtype).to_vector() == back.to_vector());
  }
  const Tensor filled({3}, DType::bf16, Device::cuda);
  fill(filled, 2.5f);
  CHECK(filled.to_vector() == std::vector<float>{2.5f, 2.5f, 2.5f});
  CHECK(Tensor::zeros({2}, DType::f32, Device::cuda).to_vector() == std::vector<float>{0, 0});
}

TEST_CASE("a batch of more images than a grid has rows is cropped on the GPU" * needs_gpu()) {
  if constexpr (kHasCuda) {
    const std::vector<uint8_t> pixels = {10, 20, 30, 40, 50, 60};  // two of them, side by side
    const ImageView image(2, 1, pixels.data());
    std::vector<DeviceImages::Item> items;
    for (int i = 0; i < 65600; ++i) items.push_back({0, image, {.left = i % 2}});
    const auto images = cuda::device_images(1, 1 << 20, kHalf);
    const std::vector<float> batch = images->batch(items, 1).to_vector();
    const Normalizer normalizer(kHalf);
    float expected[2][3];
    for (const int left : {0, 1}) normalizer.write(image, {.left = left}, 1, expected[left]);
    int wrong = 0;
    for (size_t i = 0; i < batch.size(); ++i) wrong += batch[i] != expected[i / 3 % 2][i % 3];
    CHECK(wrong == 0);
  }
}
