/// Rows between their element type and the float that kernels compute in: where the processor has
/// an instruction for rounding to bf16 it is used, which halves the time of the simplest kernels.
#pragma once

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "engine/dtype.h"

namespace lspt {

/// to[i] = from[i], rounded to nearest even.
inline void narrow(float* to, const float* from, int64_t count) { std::copy_n(from, count, to); }
inline void narrow(bf16* to, const float* from, int64_t count) {
  int64_t i = 0;
#ifdef __AVX512BF16__
  for (; i + 16 <= count; i += 16) {
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), reinterpret_cast<__m256i>(rounded));
  }
#endif
  for (; i < count; ++i) to[i] = from[i];
}

/// to[i] = from[i]. A loop of its own, because g++ leaves a sum over bf16 loads scalar: it made
/// LayerNorm's kernels 1.8 and 2.4 times slower than these two passes.
template <typename T>
void widen(float* to, const T* from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

/// out[i] = value(i) for i in [0, count): the loop of an elementwise kernel, by pieces that stay in
/// the first-level cache. value(i) may read out[i].
template <typename T, typename Value>
void store_each(T* out, int64_t count, const Value& value) {
  if constexpr (std::is_same_v<T, float>) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) out[i] = value(i);
  } else {
    constexpr int64_t kPiece = 512;
    float piece[kPiece];
    for (int64_t begin = 0; begin < count; begin += kPiece) {
      const int64_t length = std::min(kPiece, count - begin);
      for (int64_t i = 0; i < length; ++i) piece[i] = value(begin + i);
      narrow(out + begin, piece, length);
    }
  }
}

}  // namespace lspt
