// Tensors on the GPU; the ops there are in test_ops.cpp.
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
