/// Attention kernels of our own on the GPU: for f32, for head widths that the library has no kernel
/// for, and as the reference beside it. Any number of tokens, heads up to 96 wide.
#pragma once

#include "ops/attention/attention.h"

namespace lspt::cuda {

void tiled_attention_forward(const Tensor& y, const Tensor& log_sum, const AttentionInputs& inputs);
/// dots (B, H, N) f32: for every head of every row of a and b (B, N, H d), their product's sum.
void head_dots(const Tensor& dots, const Tensor& a, const Tensor& b);
void tiled_attention_backward(const Tensor& dy, const Tensor& dqkv, const Tensor& dquery,
                              const Tensor& dprompt, const Tensor& dtemperature, const Tensor& y,
                              const Tensor& log_sum, const AttentionInputs& inputs);

}  // namespace lspt::cuda
