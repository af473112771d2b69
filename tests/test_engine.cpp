#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>

#include "engine/accumulate.h"
#include "engine/choices.h"
#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "engine/text.h"
#include "tests/gpu.h"

using namespace lspt;

namespace {

Tensor random_tensor(const Shape& shape, uint64_t stream, DType dtype = DType::f32) {
  const Random random(12, 0, stream, Purpose::test);
  Tensor x(shape);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data<float>()[i] = random.normal(static_cast<uint64_t>(i));
  return to_dtype(x, dtype);
}

/// y = factor x.
Var scaled(const Var& x, float factor) {
  const auto apply = [](const Tensor& t, float f) {
    std::vector<float> values = t.to_vector();
    for (float& value : values) value *= f;
    return Tensor::from(values, t.shape());
  };
  const Tensor y = apply(x.value, factor);
  if (!recording({&x})) return y;
  return record("scaled", {&x}, y,
                [apply, factor](Backward& b) { b.add(0, apply(b.grad(), factor)); });
}

Var sum(const Var& x, const Var& y) {
  std::vector<float> values = x.value.to_vector();
  const std::vector<float> others = y.value.to_vector();
  for (size_t i = 0; i < values.size(); ++i) values[i] += others[i];
  const Tensor total = Tensor::from(values, x.shape());
  if (!recording({&x, &y})) return total;
  return record("sum", {&x, &y}, total, [](Backward& b) {
    b.add(0, b.grad());  // both pass the very same tensor on
    b.add(1, b.grad());
  });
}

}  // namespace

TEST_CASE("the tape gathers the gradients of a value that is read several times") {
  Tape tape;
  const Var x = Var::trainable(Tensor::from({2}, {1}));
  const Var y = sum(scaled(x, 3.0f), sum(x, x));
  CHECK(y.value.to_vector()[0] == 10.0f);
  tape.backward(sum(y, scaled(y, 10.0f)));
  CHECK(x.node->grad.to_vector()[0] == 55.0f);
  CHECK(tape.size() == 0);
}

TEST_CASE("a gradient is written over only where nobody else sees it") {
  Tape tape;
  const Var x = Var::trainable(Tensor::from({1, 2}, {2}));
  std::vector<bool> same;
  const auto doubled = [&] {
    Tensor y({2});
    accumulate(y, x.value, 0.0f);
    return record("doubled", {&x}, y, [&](Backward& b) {
      const Tensor dx = b.over_grad(), dy = b.grad();
      same.push_back(dx.raw() == dy.raw());
      for (int i = 0; i < 2; ++i) dx.data<float>()[i] = 2.0f * dy.data<float>()[i];
      b.add(0, dx);
    });
  };
  const Var first = doubled(), second = doubled();
  Tensor y({2});
  const Var both = record("both", {&first, &second}, y, [](Backward& b) {
    const Tensor dy({2});  // one tensor for two
    accumulate(dy, b.grad(), 0.0f);
    for (const size_t input : {0, 1}) b.add(input, dy);
  });
  tape.backward(both, Tensor::from({1, 10}, {2}));
  CHECK(same == std::vector<bool>{false, true});
  CHECK(x.node->grad.to_vector() == std::vector<float>{4, 40});
}

TEST_CASE("the tape takes a seed and passes over what the result does not depend on") {
  Tape tape;
  const Var x = Var::trainable(Tensor::from({1, 2}, {2})), z = Var::trainable(Tensor({2}));
  const Var y = scaled(x, 2.0f);
  scaled(z, 2.0f);
  tape.backward(y, Tensor::from({5, 7}, {2}));
  CHECK(x.node->grad.to_vector() == std::vector<float>{10, 14});
  CHECK_FALSE(z.node->grad);
}

TEST_CASE("the tape refuses a loss of many elements, a constant, and a second tape") {
  Tape tape;
  const Var x = Var::trainable(Tensor({2}));
  CHECK_THROWS_AS(tape.backward(scaled(x, 2.0f)), Error);
  CHECK_THROWS_AS(tape.backward(Var(Tensor({1}))), Error);
  CHECK_THROWS_AS(Tape(), Error);
}

TEST_CASE("what an op kept dies as the tape passes it") {
  const size_t before = memory::stats().live_bytes;
  {
    Tape tape;
    const Var x = Var::trainable(Tensor({1}));
    tape.backward(scaled(scaled(x, 2.0f), 3.0f));
  }
  CHECK(memory::stats().live_bytes == before);
}

TEST_CASE("a steady loop asks the system for no memory") {
  const auto step = [] {
    const Tensor a = random_tensor({50, 70}, 0), b = random_tensor({70, 30}, 1);
    const Tensor c({50, 30});
    gemm(c, a, false, b, false, {.pack_b = true});
    Tape tape;
    const Var x = Var::trainable(Tensor({1}));
    tape.backward(scaled(x, 2.0f));
  };
  step();
  const int64_t calls = memory::stats().system_calls;
  for (int i = 0; i < 20; ++i) step();
  CHECK(memory::stats().system_calls == calls);
}

TEST_CASE("freed memory is held for reuse until it is trimmed") {
  memory::trim();
  const size_t held = memory::stats().held_bytes;
  Tensor({1000, 1000});
  CHECK(memory::stats().held_bytes >= held + 4000000);
  memory::trim();
  CHECK(memory::stats().held_bytes == held);
}

TEST_CASE(
    "what a piece of a parallel loop throws is thrown where the loop stands, once all have ended") {
  std::atomic<int> done = 0;
  const auto body = [&](int64_t begin, int64_t, std::vector<int>& room) {
    room.push_back(1);
    if (begin == 7) fail(ErrorKind::kMemory, "no room");
    ++done;
  };
  const auto loop = [&] {
    parallel_for(
        64, 1, [] { return std::vector<int>(); }, body);
  };
  CHECK_THROWS_WITH_AS(loop(), "no room", Error);
  CHECK(done == 63);
#ifndef __SANITIZE_ADDRESS__  // which ends the program at a request of this size
  // Out of memory inside it is an Error like any other: it used to end the program.
  CHECK_THROWS_AS(parallel_for(64, 1, [](int64_t, int64_t) { Tensor({int64_t{1} << 45}); }), Error);
#endif
}

TEST_CASE("Philox gives the published known answers") {
  using Words = std::array<uint32_t, 4>;  // Random123 1.0, kat_vectors, philox4x32-10
  constexpr uint32_t ones = 0xffffffff;
  CHECK(Random::block({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(Random::block({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Random::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random numbers have their distributions, and streams differ") {
  const Random random(1, 2, 3, Purpose::test), other(1, 2, 3, Purpose::init);
  constexpr int n = 100000;
  double mean = 0, normal = 0, square = 0, both = 0;
  int counts[5] = {}, outside = 0;
  for (uint64_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(random.uniform(i));
    outside += u < 0.0 || u >= 1.0;
    mean += u / n;
    both += (u - 0.5) * (static_cast<double>(other.uniform(i)) - 0.5) / n;
    const double z = static_cast<double>(random.normal(i));
    normal += z / n;
    square += z * z / n;
    ++counts[random.below(i, 5)];
  }
  CHECK(outside == 0);
  CHECK(std::abs(mean - 0.5) < 0.005);
  CHECK(std::abs(both) < 0.002);
  CHECK(std::abs(normal) < 0.02);
  CHECK(std::abs(square - 1.0) < 0.02);
  for (int count : counts) CHECK(std::abs(count - n / 5) < 600);
}

TEST_CASE("four words at a time are the words one at a time") {
  const Random random(1, 2, 0x500000003, Purpose::test);
  for (uint64_t i = 0; i < 40; ++i) CHECK(random.four(i / 4)[i % 4] == random.bits(i));
}

TEST_CASE("bf16 rounds to nearest, ties to even, and keeps infinities and NaN") {
  const auto rounded = [](float value) { return static_cast<float>(bf16(value)); };
  CHECK(rounded(1.0f) == 1.0f);
  CHECK(rounded(1.0f + 0x1p-8f) == 1.0f);                // a tie, down to even
  CHECK(rounded(1.0f + 3 * 0x1p-8f) == 1.0f + 0x1p-6f);  // a tie, up to even
  CHECK(rounded(1.0f + 0x1.01p-8f) == 1.0f + 0x1p-7f);   // just above a tie
  CHECK(rounded(-1.0f - 0x1.01p-8f) == -1.0f - 0x1p-7f);
  CHECK(rounded(std::numeric_limits<float>::max()) == INFINITY);
  CHECK(rounded(-INFINITY) == -INFINITY);
  CHECK(std::isnan(rounded(NAN)));
  CHECK(std::isnan(rounded(std::bit_cast<float>(0x7f800001u))));  // a NaN in the lower half alone
}

TEST_CASE("slices and reshapes share memory; converted copies do not") {
  const Tensor x = random_tensor({4, 6}, 0);
  CHECK(x.slice(1, 3).raw() == x.data<float>() + 6);
  CHECK(x.slice(1, 3).reshape({12}).raw() == x.data<float>() + 6);
  CHECK(to_dtype(x, DType::f32).raw() == x.raw());
  CHECK(to_dtype(x, DType::bf16).raw() != x.raw());
  CHECK_THROWS_AS(x.slice(1, 5), Error);
  CHECK_THROWS_AS(x.reshape({5, 5}), Error);
  CHECK_THROWS_AS(x.data<bf16>(), Error);
}

namespace {

void check_gemm(Device device, int64_t m, int64_t n, int64_t k) {
  for (unsigned bits = 0; bits < 512; ++bits) {
    const auto on = [bits](int i) { return (bits >> i & 1u) != 0; };
    const bool ta = on(0), tb = on(1), packed = on(2), add = on(3), with_bias = on(4);
    const bool with_residual = on(5), with_gelu = on(6);
    const DType in = on(7) ? DType::bf16 : DType::f32, out = on(8) ? DType::bf16 : DType::f32;
    if ((add && with_residual) || (with_gelu && !gemm_fuses_gelu(device))) continue;
    const Tensor a = random_tensor(ta ? Shape{k, m} : Shape{m, k}, 0, in);
    const Tensor b = random_tensor(tb ? Shape{n, k} : Shape{k, n}, 1, in);
    const Tensor c = to_device(to_dtype(random_tensor({m, n}, 2), out), device);
    const Tensor bias = random_tensor({n}, 3), residual = random_tensor({m, n}, 4, out);
    const auto av = a.to_vector(), bv = b.to_vector(), cv = c.to_vector();
    const auto rv = residual.to_vector();
    gemm(c, to_device(a, device), ta, to_device(b, device), tb,
         {.beta = add ? 1.0f : 0.0f,
          .bias = with_bias ? to_device(bias, device) : Tensor(),
          .residual = with_residual ? to_device(residual, device) : Tensor(),
          .gelu = with_gelu,
          .pack_b = packed});
    const auto got = c.to_vector();
    double worst = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const size_t at = static_cast<size_t>(i * n + j);
        double sum_ = add ? static_cast<double>(cv[at]) : 0.0;
        for (int64_t l = 0; l < k; ++l)
          sum_ += static_cast<double>(av[static_cast<size_t>(ta ? l * m + i : i * k + l)]) *
                  static_cast<double>(bv[static_cast<size_t>(tb ? j * k + l : l * n + j)]);
        if (with_bias) sum_ += static_cast<double>(bias.data<float>()[j]);
        if (with_residual) sum_ += static_cast<double>(rv[at]);
        if (with_gelu) sum_ *= 0.5 * std::erfc(-sum_ / std::sqrt(2.0));
        worst =
            std::max(worst, std::abs(static_cast<double>(got[at]) - sum_) / (1 + std::abs(sum_)));
      }
    CAPTURE(bits);
    CHECK(worst < (out == DType::bf16 ? 8e-3 : 2e-5));
  }
}

}  // namespace

TEST_CASE("gemm is the triple loop, for every transpose, dtype and option") {
  check_gemm(Device::cpu, 13, 22, 37);
}

TEST_CASE("gemm is the triple loop on the GPU, rows aligned and not" * test::needs_gpu()) {
  check_gemm(Device::cuda, 13, 22, 37);
  check_gemm(Device::cuda, 24, 40, 64);
}

TEST_CASE("gemm refuses sizes and dtypes that do not fit") {
  const Tensor a({3, 4}), b({4, 5}), c({3, 5});
  CHECK_THROWS_AS(gemm(c, a, true, b, false), Error);
  CHECK_THROWS_AS(gemm(c, a, false, b, true), Error);
  CHECK_THROWS_AS(gemm(Tensor({3, 4}), a, false, b, false), Error);
  CHECK_THROWS_AS(gemm(c, a, false, to_dtype(b, DType::bf16), false), Error);
  CHECK_THROWS_AS(gemm(c, a, false, b, false, {.bias = Tensor({4})}), Error);
  CHECK_THROWS_AS(gemm(c, a, false, b, false, {.residual = Tensor({3, 4})}), Error);
}

TEST_CASE("a packed weight is packed once and the pack dies with it") {
  const size_t before = memory::stats().live_bytes;
  {
    const Tensor a = random_tensor({8, 64}, 0), w = random_tensor({64, 48}, 1), c({8, 48});
    gemm(c, a, false, w, false, {.pack_b = true});
    CHECK(w.storage()->derived.size() == 1);
    gemm(c, a, false, w, false, {.pack_b = true});
    CHECK(w.storage()->derived.size() == 1);
    // A slice has its own. In f32 a matrix that lies transposed is used as it is.
    const Tensor half({8, 48}), plain({8, 48}), left = random_tensor({8, 32}, 2);
    gemm(half, left, false, w.slice(32, 64), false, {.pack_b = true});
    gemm(plain, left, false, w.slice(32, 64), false);
    CHECK(w.storage()->derived.size() == 2);
    gemm(Tensor({8, 64}), c, false, w, true, {.pack_b = true});
    CHECK(w.storage()->derived.size() == 2);
    // Other values: packed anew, in the place of the old.
    fill(w, 1.0f);
    w.changed();
    gemm(c, a, false, w, false, {.pack_b = true});
    const float sum = std::accumulate(a.data<float>(), a.data<float>() + a.cols(), 0.0f);
    CHECK(c.data<float>()[0] == doctest::Approx(sum).epsilon(1e-4));
    CHECK(w.storage()->derived.size() == 2);
    for (int64_t i = 0; i < plain.numel(); ++i)
      CHECK(half.data<float>()[i] == doctest::Approx(plain.data<float>()[i]).epsilon(1e-4));
  }
  CHECK(memory::stats().live_bytes == before);
}

TEST_CASE("a replayed step draws what the step of its epoch and number draws") {
  const StepWords words{3, 5};
  const Random replayed = StepKey{.seed = 9, .replayed = &words}.stream(Purpose::dropout, 12, 2);
  const Random plain = StepKey{.seed = 9, .epoch = 3, .step = 5}.stream(Purpose::dropout, 12, 2);
  const Random there(9, 3, 5 * 12 + 2, Purpose::dropout);
  for (uint64_t i = 0; i < 9; ++i) {
    CHECK(replayed.bits(i) == there.bits(i));
    CHECK(plain.bits(i) == there.bits(i));
  }
}

TEST_CASE("what is put on the tape to sum runs after all that was recorded later") {
  const Var x = Var::trainable(Tensor::from({1, 2}, {2}));
  std::string order;
  Tape tape;
  record_sum("sum", {&x}, [&](Backward& b) {
    order += "sum";
    b.add(0, Tensor::from({3, 4}, {2}));
  });
  const Var a = record("a", {&x}, x.value, [&](Backward& b) {
    order += "a ";
    b.add(0, b.grad());
  });
  const Var unread = record("unread", {&a}, a.value, [&](Backward&) { order += "unread "; });
  const Var c = record("c", {&a}, a.value, [&](Backward& b) {
    order += "c ";
    b.add(0, b.grad());
  });
  tape.backward(c, Tensor::from({10, 20}, {2}));
  CHECK(order == "c a sum");
  CHECK(x.node->grad.to_vector() == std::vector<float>{13, 24});
}

TEST_CASE("choices outlive the process, and a file that is none is no harm") {
  const std::string folder = std::filesystem::temp_directory_path() / "lspt_choices_test";
  std::filesystem::remove_all(folder);
  const std::string path = folder + "/sub/choices.txt";
  Choices first(path);
  CHECK(first.find("a b").empty());
  first.keep("a b", "1f00");
  first.keep("c", "2");
  CHECK(Choices(path).find("a b") == "1f00");
  std::ofstream(path, std::ios::app) << "no tab here\n\tno key\n\n";
  CHECK(Choices(path).find("c") == "2");
  CHECK(Choices(path).find("").empty());
  // Another process that read the file before: what both add is there, and the first choice holds.
  Choices second(path);
  CHECK(first.keep("d", "3") == "3");
  CHECK(second.find("d").empty());
  CHECK(second.keep("d", "5") == "3");
  CHECK(second.keep("e", "4") == "4");
  CHECK(second.keep("d", "6") == "6");  // known and replaced
  for (const auto& [key, value] : {std::pair{"d", "6"}, {"e", "4"}, {"c", "2"}})
    CHECK(Choices(path).find(key) == value);
  Choices nowhere("/proc/no/such/folder/choices.txt");
  nowhere.keep("a", "b");
  CHECK(nowhere.find("a") == "b");
  std::filesystem::remove_all(folder);

  const unsigned char bytes[3] = {0, 0xab, 0xff};
  unsigned char back[3] = {};
  CHECK(to_hex(bytes, 3) == "00abff");
  CHECK(from_hex("00abff", back, 3));
  CHECK(std::equal(bytes, bytes + 3, back));
  for (const char* bad : {"", "00abf", "00abfg", "00abff00"}) CHECK_FALSE(from_hex(bad, back, 3));
}
