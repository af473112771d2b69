// What central differences cannot see: that the forward value is the one meant.
#include <doctest/doctest.h>

#include <cmath>

#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/gate.h"
#include "ops/lstm_cell.h"
#include "ops/patch_embed.h"
#include "ops/patch_pool.h"
#include "ops/tokens.h"

using namespace lspt;

namespace {

Tensor random_tensor(const Shape& shape, uint64_t stream) {
  const Random random(11, 0, stream, Purpose::test);
  Tensor x(shape);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data<float>()[i] = random.normal(static_cast<uint64_t>(i));
  return x;
}

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

std::vector<float> counted(int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return values;
}

}  // namespace

TEST_CASE("lstm_cell computes the gates in the order i, f, g, o") {
  constexpr int64_t m = 3, d = 5, n = 2;
  const Tensor s = random_tensor({m, d}, 0), h = random_tensor({m, n}, 1);
  const Tensor c = random_tensor({m, n}, 2);
  const Tensor w = random_tensor({4 * n, d}, 3), u = random_tensor({4 * n, n}, 4);
  const Tensor b = random_tensor({4 * n}, 5), v = random_tensor({4 * n}, 6);
  const auto [next_h, next_c] = lstm_cell(Var(s), h, c, lstm_weights(w, u, b, v, 1));
  for (int64_t row = 0; row < m; ++row)
    for (int64_t j = 0; j < n; ++j) {
      double a[4];
      for (int64_t gate = 0; gate < 4; ++gate) {
        const int64_t k = gate * n + j;
        double sum = static_cast<double>(b.data<float>()[k]) + v.data<float>()[k];
        for (int64_t i = 0; i < d; ++i)
          sum += static_cast<double>(w.data<float>()[k * d + i]) * s.data<float>()[row * d + i];
        for (int64_t i = 0; i < n; ++i)
          sum += static_cast<double>(u.data<float>()[k * n + i]) * h.data<float>()[row * n + i];
        a[gate] = sum;
      }
      const double cell =
          logistic(a[1]) * c.data<float>()[row * n + j] + logistic(a[0]) * std::tanh(a[2]);
      CHECK(next_c.value.data<float>()[row * n + j] == doctest::Approx(cell).epsilon(1e-5));
      CHECK(next_h.value.data<float>()[row * n + j] ==
            doctest::Approx(logistic(a[3]) * std::tanh(cell)).epsilon(1e-5));
    }
}

TEST_CASE("patch_embed is the convolution whose stride is its size") {
  constexpr int64_t d = 3, p = 2, height = 4, width = 6;
  const Tensor images = random_tensor({2, 3, height, width}, 0);
  const Tensor weight = random_tensor({d, 3, p, p}, 1), bias = random_tensor({d}, 2);
  const std::vector<float> y = patch_embed(images, weight, bias, DType::f32).value.to_vector();
  size_t at = 0;
  for (int64_t image = 0; image < 2; ++image)
    for (int64_t top = 0; top < height; top += p)
      for (int64_t left = 0; left < width; left += p)
        for (int64_t k = 0; k < d; ++k) {
          double sum = bias.data<float>()[k];
          for (int64_t c = 0; c < 3; ++c)
            for (int64_t i = 0; i < p; ++i)
              for (int64_t j = 0; j < p; ++j)
                sum +=
                    static_cast<double>(weight.data<float>()[((k * 3 + c) * p + i) * p + j]) *
                    images.data<float>()[((image * 3 + c) * height + top + i) * width + left + j];
          CHECK(y[at++] == doctest::Approx(sum).epsilon(1e-5));
        }
}

TEST_CASE("patch_embed refuses images that are not whole patches") {
  const Tensor weight({3, 3, 2, 2}), bias({3});
  CHECK_THROWS_AS(patch_embed(Tensor({1, 3, 5, 4}), weight, bias, DType::f32), Error);
  CHECK_THROWS_AS(patch_embed(Tensor({1, 4, 4, 4}), weight, bias, DType::f32), Error);
}

TEST_CASE("tokens are sliced, spliced, expanded and pooled where the contract says") {
  const Tensor x = Tensor::from(counted(6), {1, 3, 2});  // rows (0 1) (2 3) (4 5)
  const Tensor rows = Tensor::from({10, 11}, {1, 2});
  using Values = std::vector<float>;
  CHECK(slice_tokens(x, 1, 3).value.to_vector() == Values{2, 3, 4, 5});
  CHECK(splice(x, 1, 0, rows).value.to_vector() == Values{0, 1, 10, 11, 2, 3, 4, 5});
  CHECK(splice(x, 1, 1, rows).value.to_vector() == Values{0, 1, 10, 11, 4, 5});
  CHECK(splice(x, 0, 2, {}).value.to_vector() == Values{4, 5});
  CHECK(expand(rows, 2).value.to_vector() == Values{10, 11, 10, 11});
  CHECK(patch_pool(x, 1, 3).value.to_vector() == Values{3, 4});
  CHECK(slice_rows(x.reshape({3, 2}), 1, 2).value.to_vector() == Values{2, 3});
}

TEST_CASE("slice_rows of a constant shares its memory") {
  const Tensor w({4, 3});
  CHECK(slice_rows(w, 1, 3).value.raw() == w.data<float>() + 3);
}

TEST_CASE("the gate mixes by the sigmoid of its own logit") {
  const Tensor in = Tensor::from({2}, {1}), out = Tensor::from({6}, {1});
  const Tensor logits = Tensor::from({50, 0, -50}, {3});
  CHECK(gate(in, out, logits, 0).value.to_vector()[0] == doctest::Approx(6.0f));
  CHECK(gate(in, out, logits, 1).value.to_vector()[0] == doctest::Approx(4.0f));
  CHECK(gate(in, out, logits, 2).value.to_vector()[0] == doctest::Approx(2.0f));
}

TEST_CASE("dropout keeps the right share, scales it, and acts only while a tape is alive") {
  const Tensor x({100, 1000});
  fill(x, 1.0f);
  const Random stream(1, 2, 3, Purpose::dropout);
  CHECK(dropout(x, 0.25f, stream).value.raw() == x.raw());
  const Tape tape;
  CHECK(dropout(x, 0.0f, stream).value.raw() == x.raw());
  double sum = 0;
  int others = 0;
  for (float y : dropout(x, 0.25f, stream).value.to_vector()) {
    others += y != 0.0f && y != 1.0f / 0.75f;
    sum += static_cast<double>(y);
  }
  CHECK(others == 0);
  CHECK(sum / 1e5 == doctest::Approx(1.0).epsilon(0.01));
  CHECK_THROWS_AS(dropout(x, 1.0f, stream), Error);
}

TEST_CASE("dropout draws element i from element i of its stream") {
  const Tensor x({5001});
  fill(x, 1.0f);
  const Random stream(1, 2, 3, Purpose::dropout);
  const Tape tape;
  const std::vector<float> y = dropout(x, 0.5f, stream).value.to_vector();
  int wrong = 0;
  for (size_t i = 0; i < y.size(); ++i) wrong += (y[i] != 0.0f) != (stream.uniform(i) >= 0.5f);
  CHECK(wrong == 0);
}

TEST_CASE("cross entropy is the mean of -log softmax at the label, also for large logits") {
  const Tensor logits = Tensor::from({1, 2, 3, 1000, 0, -1000}, {2, 3});
  const Tensor targets = one_hot({2, 0}, 3);
  const double first = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)) - 3.0;
  CHECK(cross_entropy(logits, targets).value.to_vector()[0] == doctest::Approx(first / 2));
}

TEST_CASE("one_hot smooths and refuses labels out of range") {
  const std::vector<float> y = one_hot({1}, 4, 0.2f).to_vector();
  CHECK(y[0] == doctest::Approx(0.05f));
  CHECK(y[1] == doctest::Approx(0.85f));
  CHECK_THROWS_AS(one_hot({4}, 4), Error);
  CHECK_THROWS_AS(one_hot({-1}, 4), Error);
}
