/// Attention in bf16 by cuDNN's fused kernels: ops/attention/gpu.cu uses it where it can.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace lspt::cuda {

/// One problem: y = softmax(scale q k^T) v for every image and head. Sizes, and distances in
/// elements between what is read and written: rows of a head are `depth` neighbouring elements,
/// head h begins h * depth after head 0, the next row *_row and the next image *_image after this
/// one. dq lies as q does, dk and dv as k and v do. y and dy are (batch, queries, heads * depth)
/// and log_sum (batch, heads, queries) f32, contiguous.
struct FusedAttention {
  int64_t batch, heads, depth, queries, keys;
  int64_t q_row, q_image, kv_row, kv_image;
  float scale;
  auto operator<=>(const FusedAttention&) const = default;
};

/// Whether size and layout are within cuDNN's limits; needs no device. Depth is a multiple of 8 up
/// to 128; row and image distances are multiples of 8.
bool fused_attention_fits(const FusedAttention& problem);

/// Why a version of cuDNN (91501 is 9.15.1) is not asked for it on a device of this compute
/// capability, or "": what its own front end (NVIDIA/cudnn-frontend, sdpa_support_surface.h and
/// scaled_dot_product_flash_attention.h) refuses or works around.
std::string fused_attention_refused(const FusedAttention& problem, bool backward, size_t version,
                                    int capability);

/// Whether the functions below can be called: the problem fits, cuDNN is there in a version that
/// computes it right, and has a kernel for it on this device that gives the same bits every time.
/// If not, the reason is said once (engine/notice.h). The first question about a problem (scale
/// apart) finds and compiles the kernel, in about half a second, for as long as the process lives.
/// Forward and backward can differ.
bool fused_attention_usable(const FusedAttention& problem, bool backward);

/// Both put their kernels on the stream; pointers are multiples of 16 bytes. Throw Error if the
/// problem is not usable. log_sum is the natural logarithm of sum exp (scale q k^T) of each row.
void fused_attention_forward(const FusedAttention& problem, const void* q, const void* k,
                             const void* v, void* y, float* log_sum);
/// With p = exp(scale q k^T - log_sum):  dv = p^T dy,  ds = scale p (dy v^T - rowsum(dy y)),
/// dk = ds^T q,  dq = ds k. Takes batch * heads * queries * keys * 2 bytes (queries and keys
/// rounded up to 64 and 128) for ds while it runs: dq is a product of its own, so no two blocks add
/// to one element and the result has the same bits every time.
void fused_attention_backward(const FusedAttention& problem, const void* q, const void* k,
                              const void* v, const void* y, const float* log_sum, const void* dy,
                              void* dq, void* dk, void* dv);

/// What cuDNN would run on a device that is described by the JSON of
/// CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION; found and compiled without one. Throws Error if there
/// is no engine.
struct FusedPlanInfo {
  std::string kernels;
  int64_t workspace;  ///< bytes
};
FusedPlanInfo fused_attention_plan(const FusedAttention& problem, bool backward,
                                   const std::string& device_json);

}  // namespace lspt::cuda
