// The op table on the GPU: against the CPU, against itself, and every gradient.
#include <cstdlib>

#include "engine/memory.h"
#include "tests/gpu.h"
#include "tests/op_checks.h"

using namespace lspt;
using namespace lspt::test;

namespace {

constexpr double kBf16 = 0.012;  // as in test_ops.cpp

Result on(Device device, const OpCase& c, DType dtype) {
  return run(c, inputs_of(c), {.dtype = dtype, .device = device});
}

}  // namespace

TEST_CASE("an op computes on the GPU what it computes on the CPU" * needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      CAPTURE(name_of(dtype));
      const Result cpu = on(Device::cpu, c, dtype), gpu = on(Device::cuda, c, dtype);
      const double allowed = dtype == DType::f32 ? 1e-5 : kBf16;
      CHECK(largest_difference(gpu.outputs, cpu.outputs) <= allowed);
      CHECK(largest_difference(gpu.gradients, cpu.gradients) <= allowed);
    }
  }
}

TEST_CASE("gradients of every op on the GPU are those of central differences" * needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(gradient_error(c, Device::cuda) < c.tolerance);
  }
}

// The emulated GPU of tests/emulated runs threads and blocks in the order that the environment
// names, so that a missing barrier shows in the bits; a real one has its own order every time.
TEST_CASE("an op run again on the GPU, threads in another order, gives the same bits" *
          needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Result first = on(Device::cuda, c, dtype);
      for (const char* order : {"reverse", "shuffle"}) {
        setenv("LSPT_EMULATED_ORDER", order, 1);
        const Result again = on(Device::cuda, c, dtype);
        unsetenv("LSPT_EMULATED_ORDER");
        CHECK(again == first);
      }
    }
  }
}

TEST_CASE("freezing some inputs of an op on the GPU leaves the other gradients as they are" *
          needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(frozen_difference(c, Device::cuda) == 0.0);
  }
}

TEST_CASE("an op on the GPU adds to a gradient that another reader has left" * needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(accumulation_error(c, DType::f32, Device::cuda) < 1e-6);
    CHECK(accumulation_error(c, DType::bf16, Device::cuda) < kBf16);
  }
}

TEST_CASE("an op returns all memory that it took on the GPU" * needs_gpu()) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    on(Device::cuda, c, DType::bf16);  // what is made once and kept
    const memory::Stats before = memory::stats(Device::cuda);
    on(Device::cuda, c, DType::bf16);
    const memory::Stats after = memory::stats(Device::cuda);
    CHECK(after.live_bytes == before.live_bytes);
    CHECK(after.system_calls == before.system_calls);
  }
}

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
