/// What the class row looks at: the softmax that attention() computes and does not keep.
#pragma once

#include "ops/attention/attention.h"

namespace lspt {

/// p_h = softmax(q_h k_h^T / (sqrt(d) t)) of the first query of each image. Arguments as those of
/// attention() -> (B, heads, 1 + P + rest) f32 on the host. Keys are in the order class, prompts,
/// rest: keys of options.prompt_kv come after the first token's. Sums in f32, from q and k as they
/// are. Plain loops on the CPU, for one who looks; not an op: nothing is recorded. Throws Error if
/// the sizes do not fit.
Tensor class_row_attention(const Tensor& qkv, int heads, const AttentionOptions& options = {});

}  // namespace lspt
