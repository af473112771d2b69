#include <doctest/doctest.h>

#include <limits>

#include "ops/math.h"

using namespace lspt;

namespace {

/// Largest |f(x) - exact(x)| / scale(exact) over a fine grid of [low, high].
template <typename F, typename G>
double largest_error(F f, G exact, float low, float high, bool relative) {
  double worst = 0;
  const int steps = 200000;
  for (int i = 0; i <= steps; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / static_cast<float>(steps);
    const double want = exact(static_cast<double>(x));
    const double error = std::abs(static_cast<double>(f(x)) - want);
    worst = std::max(worst, want != 0 && relative ? error / std::abs(want) : error);
  }
  return worst;
}

double cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

}  // namespace

TEST_CASE("the elementary functions of the inner loops are as accurate as they say") {
  const auto exact_exp = [](double x) { return std::exp(x); };
  const auto exact_sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const auto exact_tanh = [](double x) { return std::tanh(x); };
  CHECK(largest_error(exp_approx, exact_exp, -80.0f, 88.0f, true) < 2e-7);
  CHECK(largest_error(sigmoid, exact_sigmoid, -80.0f, 80.0f, true) < 3e-7);
  CHECK(largest_error(tanh_approx, exact_tanh, -1.0f, 1.0f, true) < 3e-7);
  CHECK(largest_error(tanh_approx, exact_tanh, -50.0f, 50.0f, true) < 3e-7);
  const auto density = [](double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI); };
  const auto f32_cdf = [](float x) { return normal<float>(x).cdf; };
  CHECK(largest_error(f32_cdf, cdf, -14.0f, 14.0f, false) < 2e-7);
  CHECK(largest_error(f32_cdf, cdf, -12.0f, 0.0f, true) < 5e-6);
  CHECK(largest_error(f32_cdf, cdf, -2.0f, 0.0f, true) < 4e-7);
  const auto f32_density = [](float x) { return normal<float>(x).density; };
  CHECK(largest_error(f32_density, density, -12.0f, 12.0f, true) < 5e-6);
  const auto bf16_cdf = [](float x) { return normal<bf16>(x).cdf; };
  CHECK(largest_error(bf16_cdf, cdf, -8.0f, 8.0f, true) < 4e-5);
  CHECK(largest_error(bf16_cdf, cdf, -40.0f, 40.0f, false) < 2e-5);
  const auto bf16_part = [](float x) { return x * normal<bf16>(x).density; };
  const auto part = [&](double x) { return x * density(x); };
  CHECK(largest_error(bf16_part, part, -40.0f, 40.0f, false) < 2.5e-5);
}

TEST_CASE("the elementary functions stay finite at the ends and keep NaN") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(exp_approx(-infinity) < 2e-35f);
  CHECK(std::isfinite(exp_approx(infinity)));
  CHECK(sigmoid(-infinity) < 1e-37f);
  CHECK(sigmoid(infinity) == 1.0f);
  CHECK(tanh_approx(infinity) == 1.0f);
  CHECK(tanh_approx(-infinity) == -1.0f);
  CHECK(normal<float>(infinity).cdf == 1.0f);
  CHECK(normal<float>(-infinity).cdf == doctest::Approx(0.0f));
  CHECK(normal<bf16>(infinity).cdf == 1.0f);
  CHECK(normal<bf16>(-infinity).cdf < 1e-15f);
  CHECK(std::isnan(exp_approx(nan)));
  CHECK(std::isnan(sigmoid(nan)));
  CHECK(std::isnan(tanh_approx(nan)));
  CHECK(std::isnan(normal<float>(nan).cdf));
  CHECK(std::isnan(nan * normal<bf16>(nan).cdf));
}
