/// Multi-head scaled dot-product attention on packed projections, as ViT blocks use it.
#pragma once

#include "engine/kernel.h"
#include "engine/tape.h"

namespace lspt {

struct AttentionOptions {
  /// Queries of their own, (B, M, D): the first argument is then keys and values, (B, N, 2D).
  Var query = {};
  /// Keys and values that no query belongs to, in front of the tokens' own: (P, 2D) for the whole
  /// batch or (B, P, 2D). VPT-deep's prompts are exactly this.
  Var prompt_kv = {};
  /// Vector f32 of which element `temperature_index` divides the scores (GaPT); clamped to
  /// [0.01, 10], with gradient 0 outside.
  Var temperature = {};
  int temperature_index = 0;
};

/// y_h = softmax(q_h k_h^T / (sqrt(d) t)) v_h for every head h of width d = D / heads, heads side
/// by side in y. qkv (B, N, 3D): q, k, v of a token in a row, each with its heads side by side
/// (timm's layout) -> y (B, N, D), or (B, M, D) with options.query. Backward, with p the softmax, s
/// the scores, g = dy v^T:  dv = p^T dy,
///   ds = p (g - rowsum(p g)),  dq = ds k / (sqrt(d) t),  dk = ds^T q / (sqrt(d) t),
///   dt = - sum(ds s) / t.
/// Keeps the inputs, log sum exp of each row, (B, heads, N), and on the GPU y. Scores exist for one
/// head of one image at a time, in each thread; on the GPU for tiles of them. Throws Error if the
/// sizes do not fit. Source: Vaswani et al. 2017, arXiv:1706.03762; recomputation as in Dao et al.
/// 2022, arXiv:2205.14135.
Var attention(const Var& qkv, int heads, const AttentionOptions& options = {});

/// What both kernels read. `query`, `prompt` and `temperature` may be empty.
struct AttentionInputs {
  Tensor qkv, query, prompt, temperature;
  int temperature_index, heads;
};

DECLARE_KERNEL(attention_forward, const Tensor& y, const Tensor& log_sum,
               const AttentionInputs& inputs);
/// dqkv, dquery in their inputs' layouts; dprompt (B, P, 2D) f32, or for shared prompts (P, 2D) of
/// any dtype, the images' sum in their order; dtemperature (B, heads) f32, each image's and head's
/// share. dqkv empty: only dprompt and dtemperature. y may be empty on the CPU.
DECLARE_KERNEL(attention_backward, const Tensor& dy, const Tensor& dqkv, const Tensor& dquery,
               const Tensor& dprompt, const Tensor& dtemperature, const Tensor& y,
               const Tensor& log_sum, const AttentionInputs& inputs);

/// For kernels that write dprompt image by image: (B, P, 2D), dprompt itself or, if it is shared,
/// memory of which sum_shares then makes it.
Tensor image_shares(const Tensor& dprompt, int64_t batch);
void sum_shares(const Tensor& dprompt, const Tensor& shares);

}  // namespace lspt
