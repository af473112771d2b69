/// Element types. f32 is IEEE single; bf16 is its upper half, rounded to nearest even.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

/// Marks functions that kernels call too, where a CUDA compiler reads this.
#ifdef __CUDACC__
#define LSPT_BOTH __host__ __device__
#else
#define LSPT_BOTH
#endif

namespace lspt {

enum class DType : uint8_t { f32, bf16 };

constexpr size_t size_of(DType type) { return type == DType::f32 ? 4 : 2; }
constexpr const char* name_of(DType type) { return type == DType::f32 ? "f32" : "bf16"; }

struct bf16 {
  uint16_t bits;
  bf16() = default;
  // NOLINTNEXTLINE: a store converts implicitly, as for float
  LSPT_BOTH bf16(float value) : bits(round(value)) {}
  LSPT_BOTH operator float() const {  // NOLINT: a load converts implicitly
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
  /// Rounds to nearest even; NaN stays NaN.
  LSPT_BOTH static uint16_t round(float value) {
#ifdef __CUDA_ARCH__
    uint16_t result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result) : "f"(value));
    return result;
#else
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return static_cast<uint16_t>(value != value ? (u >> 16) | 0x40u : rounded);
#endif
  }
};

template <typename T>
constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;

/// Calls body.template operator()<T>() with T = float or bf16: how a kernel is instantiated for
/// both. Kernels load to float, compute in float, and store to T.
template <typename Body>
decltype(auto) dispatch(DType type, Body&& body) {
  if (type == DType::bf16) return body.template operator()<bf16>();
  return body.template operator()<float>();
}

}  // namespace lspt
