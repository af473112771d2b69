/// Matrix products: the one place that knows oneDNN (CPU) and cuBLASLt (CUDA).
#pragma once

#include "engine/kernel.h"

namespace lspt {

/// What happens to a product beside the product. Empty tensors mean "none".
struct GemmOptions {
  float beta = 0.0f;     ///< 1 adds to what c holds, 0 overwrites it
  Tensor bias = {};      ///< (N) f32, added to every row
  Tensor residual = {};  ///< (M, N) in c's dtype, added; may not be c; not with beta
  bool gelu = false;     ///< exact erf GELU of everything above; only where gemm_fuses_gelu
  /// B will be used again unchanged (a frozen weight, or one weight for many steps of a
  /// recurrence): pack it into the library's own layout once and keep that with B's memory.
  bool pack_b = false;
  /// The library's working memory, which grows as products need it: whoever makes thousands of
  /// small ones keeps it for them. nullptr: taken and given back for this one.
  Tensor* room = nullptr;
};

/// c = op(a) op(b) + beta c, then the options. Tensors are seen as matrices (rows() x cols());
/// op is the transpose if the flag is set: c (M, N), op(a) (M, K), op(b) (K, N). a and b have one
/// dtype (f32 or bf16), c either of the two; sums are f32. Throws if the sizes do not fit.
void gemm(const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
          const GemmOptions& options = {});

/// gemm once its arguments are checked.
DECLARE_KERNEL(gemm_unchecked, const Tensor& c, const Tensor& a, bool transpose_a, const Tensor& b,
               bool transpose_b, const GemmOptions& options);

/// Whether `options.gelu` costs no pass of its own: oneDNN's epilogue has the exact erf form,
/// cuBLASLt's only the tanh form, which is another function and is not used.
constexpr bool gemm_fuses_gelu(Device device) { return device == Device::cpu; }

/// Floating-point operations that products and attention have needed so far in this process.
int64_t operation_count();
void count_operations(int64_t operations);

}  // namespace lspt
