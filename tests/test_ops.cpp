#include <doctest/doctest.h>

#include "engine/memory.h"
#include "engine/parallel.h"
#include "tests/op_checks.h"

using namespace lspt;
using namespace lspt::test;

// bf16 has 8 significant bits; a result may carry a few roundings of 2^-9 each.
constexpr double kBf16 = 0.012;

namespace {

/// A number of threads for as long as this lives.
struct Threads {
  explicit Threads(int count) : before(thread_count()) { set_thread_count(count); }
  ~Threads() { set_thread_count(before); }
  const int before;
};

}  // namespace

TEST_CASE("gradients of every op are those of central differences") {
  const Threads one(1);  // thousands of tiny calls: a second thread costs more than it helps
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(gradient_error(c) < c.tolerance);
  }
}

TEST_CASE("freezing some inputs of an op leaves the other gradients as they are") {
  const Threads one(1);
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(frozen_difference(c) <= (c.products ? 2e-6 : 0.0));
  }
}

TEST_CASE("an op adds to a gradient that another reader has left") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(accumulation_error(c, DType::f32) < 1e-6);
    CHECK(accumulation_error(c, DType::bf16) < kBf16);
  }
}

TEST_CASE("an op run twice gives the same bits") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (const DType dtype : {DType::f32, DType::bf16})
      CHECK(run(c, inputs_of(c), {.dtype = dtype}) == run(c, inputs_of(c), {.dtype = dtype}));
  }
}

// Which product oneDNN makes for a number of threads is its own choice: there the last bit may
// move.
TEST_CASE("an op gives the same bits on one thread and on two, but for the rounding of products") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const auto with = [&](int count) {
        const Threads threads(count);
        return run(c, inputs_of(c), {.dtype = dtype});
      };
      const auto one = with(1), two = with(2);
      const double allowed = !c.products ? 0.0 : dtype == DType::f32 ? 2e-6 : kBf16;
      CHECK(largest_difference(one.outputs, two.outputs) <= allowed);
      CHECK(largest_difference(one.gradients, two.gradients) <= allowed);
    }
  }
}

TEST_CASE("an op in bf16 stays within bf16 rounding of f32, outputs and gradients") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    CHECK(bf16_error(c) < kBf16);
  }
}

TEST_CASE("nothing is recorded without a tape or for constants") {
  for (const OpCase& c : op_cases()) CHECK_MESSAGE(recorded_for_nothing(c) == "", c.name);
}

TEST_CASE("an op returns all memory that it took") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const size_t before = memory::stats().live_bytes;
    run(c, inputs_of(c));
    CHECK(memory::stats().live_bytes == before);
  }
}

TEST_CASE("a wrong shape of any input of an op throws") {
  for (const OpCase& c : op_cases()) CHECK_MESSAGE(wrong_shapes_accepted(c) == "", c.name);
}
