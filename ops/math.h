/// Exponential, sigmoid, tanh and the normal distribution for inner loops: no branch, no table and
/// no call, so that a loop over them becomes vector instructions. Largest errors, measured over
/// all the arguments that matter (tests/test_math.cpp), are given relative to the value.
///
/// Every polynomial is a minimax fit of the relative error: weighted least squares on a few
/// thousand nodes in double precision, weights multiplied by the error and solved again until the
/// error is level (Lawson 1961), then rounded to float.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "engine/dtype.h"

namespace lspt {

/// e^x to 2e-7 for x in [-87, 88].
inline float exp_within(float x) {
  // x = n ln 2 + r, |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to an integer, which then is in the
  // low bits of t: shifted into the exponent field they are 2^n.
  const float t = x * 1.44269504f + 12582912.0f;
  const float n = t - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float p = 1.38144672e-3f;
  p = p * r + 8.36878084e-3f;
  p = p * r + 4.16683927e-2f;
  p = p * r + 1.66665196e-1f;
  p = p * r + 4.99999940e-1f;
  const float scale = std::bit_cast<float>((std::bit_cast<uint32_t>(t) + 127u) << 23);
  return (p * (r * r) + r + 1.0f) * scale;
}

/// The same for any x. Outside [-80, 88.3] the value at that end: 1.8e-35 and 2.2e38, never 0 or
/// infinity, and so far from the smallest normal number that products with it are not subnormal,
/// which processors compute a hundred times slower. NaN stays NaN.
inline float exp_approx(float x) { return exp_within(std::max(std::min(x, 88.3f), -80.0f)); }

/// 1 / (1 + e^-x) to 3e-7.
inline float sigmoid(float x) { return 1.0f / (1.0f + exp_approx(-x)); }

/// tanh x to 3e-7, also near 0.
inline float tanh_approx(float x) {
  const float z = x * x;
  float p = -5.89511963e-3f;
  p = p * z + 2.07959414e-2f;
  p = p * z - 5.37838228e-2f;
  p = p * z + 1.33319244e-1f;
  p = p * z - 3.33332986e-1f;
  const float near = x + x * z * p;  // |x| <= 0.6
  const float far = 1.0f - 2.0f / (1.0f + exp_approx(2.0f * std::abs(x)));
  return std::abs(x) <= 0.6f ? near : std::copysign(far, x);
}

/// Phi(-a) e^(a^2/2) = erfcx(a / sqrt 2) / 2 for a >= 0, of t = 1 / (1 + 0.35 a): t p(t), p fitted
/// for a in [0, 14].
LSPT_BOTH inline float normal_tail(float t) {
  float p = -2.91454606e-2f;
  p = p * t + 1.43969610e-1f;
  p = p * t - 2.55710304e-1f;
  p = p * t + 1.59170076e-1f;
  p = p * t - 2.31073089e-2f;
  p = p * t + 1.05507046e-1f;
  p = p * t + 1.19833082e-1f;
  p = p * t + 1.39861837e-1f;
  p = p * t + 1.39621407e-1f;
  return t * p;
}

/// ln Phi(-a) for a in [0, 8] to 3.5e-5, and its derivative, -density / Phi(-a), whose product with
/// a Phi(-a) is right to 2e-5. Seven terms are enough for bf16, which rounds by 2e-3: no division,
/// and one exponential for both.
struct LogTail {
  float value, slope;
};
LSPT_BOTH inline LogTail normal_log_tail(float a) {
  constexpr float c[] = {-6.93177044e-1f, -7.97542036e-1f, -3.18817794e-1f, -3.64840664e-2f,
                         5.50676277e-3f,  -5.59541862e-4f, 3.34119759e-5f,  -8.75069361e-7f};
  float p = c[7], slope = 7 * c[7];
  for (int i = 6; i >= 0; --i) p = p * a + c[i];
  for (int i = 6; i >= 1; --i) slope = slope * a + static_cast<float>(i) * c[i];
  return {p, slope};
}

/// Phi(x) and phi(x), the standard normal distribution and its density.
struct Normal {
  float cdf, density;
};
/// For values kept as T. f32: 2e-7 absolute everywhere and, in the lower tail down to x = -12, 5e-6
/// relative, where 1 - erf has no digit left. bf16: Phi to 4e-5 relative above x = -8, below it the
/// value there, 6e-16; x phi(x) to 2e-5.
template <typename T>
inline Normal normal(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const float e = exp_approx(-0.5f * x * x);
    const float tail = e * normal_tail(1.0f / (1.0f + 0.35f * std::abs(x)));
    return {x < 0.0f ? tail : 1.0f - tail, 0.398942280f * e};
  } else {
    // min(|x|, 8) by the bits of both, which is one instruction: that of floats minds NaN, which
    // here becomes 8, as x itself is a factor of all that is made of this.
    const uint32_t size = std::bit_cast<uint32_t>(x) & 0x7fffffffu;
    const float a = std::bit_cast<float>(std::min(size, std::bit_cast<uint32_t>(8.0f)));
    const LogTail log = normal_log_tail(a);
    const float tail = exp_within(log.value);
    return {x < 0.0f ? tail : 1.0f - tail, -tail * log.slope};
  }
}

/// Largest of count >= 1 values. Sixteen running maxima side by side: g++ leaves a plain `max`
/// reduction scalar, because the order of NaN and -0 could matter.
inline float largest_of(const float* x, int64_t count) {
  float lanes[16];
  for (float& lane : lanes) lane = x[0];
  int64_t j = 0;
  for (; j + 16 <= count; j += 16)
    for (int lane = 0; lane < 16; ++lane)
      lanes[lane] = x[j + lane] > lanes[lane] ? x[j + lane] : lanes[lane];
  for (; j < count; ++j) lanes[0] = x[j] > lanes[0] ? x[j] : lanes[0];
  return *std::max_element(lanes, lanes + 16);
}

}  // namespace lspt
