/// How the CPU's attention kernels find their way in packed projections.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine/parallel.h"
#include "ops/attention.h"

namespace lspt::cpu {

/// Sizes, and where the rows of one head of one image are.
template <typename T>
struct Heads {
  explicit Heads(const AttentionInputs& in)
      : inputs(in),
        batch(in.qkv.dim(0)),
        tokens(in.qkv.dim(1)),
        width(in.qkv.dim(2) / (in.query ? 2 : 3)),
        depth(width / in.heads),
        queries(in.query ? in.query.dim(1) : tokens),
        prompts(in.prompt ? in.prompt.dim(-2) : 0),
        keys(prompts + tokens),
        padded((keys + 15) / 16 * 16) {
    const float t = in.temperature ? in.temperature.data<float>()[in.temperature_index] : 1.0f;
    temperature = std::clamp(t, 0.01f, 10.0f);
    clamped = temperature != t;
    scale = 1.0f / (std::sqrt(static_cast<float>(depth)) * temperature);
  }

  /// Row pitch and first element of queries (part 0), keys (1) or values (2) of tokens in a tensor
  /// laid out like qkv (or, with a separate query, like query and kv).
  T* part(const Tensor& qkv, const Tensor& query, int which, int64_t image, int64_t head,
          int64_t& pitch) const {
    const bool separate = static_cast<bool>(inputs.query);
    const bool own = separate && which == 0;
    pitch = own ? width : (separate ? 2 : 3) * width;
    const int64_t rows = own ? queries : tokens;
    T* base = (own ? query : qkv).template data<T>();
    const int64_t column = own ? 0 : (separate ? which - 1 : which) * width;
    return base + image * rows * pitch + column + head * depth;
  }

  /// Copies one head's rows together: `to` (rows, depth), prompts first for keys and values, and
  /// zeros after them up to `padded`.
  void gather(const Tensor& to, int which, int64_t image, int64_t head) const {
    T* out = to.template data<T>();
    if (which > 0 && prompts > 0) {
      const int64_t shared = inputs.prompt.rank() == 2 ? 0 : image * prompts * 2 * width;
      const T* from =
          inputs.prompt.template data<T>() + shared + (which - 1) * width + head * depth;
      for (int64_t i = 0; i < prompts; ++i, out += depth)
        std::copy_n(from + i * 2 * width, depth, out);
    }
    int64_t pitch = 0;
    const T* from = part(inputs.qkv, inputs.query, which, image, head, pitch);
    const int64_t rows = which == 0 ? queries : tokens;
    for (int64_t i = 0; i < rows; ++i, out += depth) std::copy_n(from + i * pitch, depth, out);
    if (which > 0) std::fill_n(out, (padded - keys) * depth, T(0.0f));
  }

  const AttentionInputs& inputs;
  int64_t batch, tokens, width, depth, queries, prompts, keys;
  int64_t padded;  // keys rounded up to whole vectors; what is beyond keys is zero and stays out
  float temperature, scale;
  bool clamped;
};

/// Runs body(image, head, room) for every head, spread over the threads; room, from make(), is a
/// thread's own.
template <typename T, typename Make, typename Body>
void for_each_head(const Heads<T>& h, const Make& make, const Body& body) {
  parallel_for(h.batch * h.inputs.heads, 1, make, [&](int64_t begin, int64_t end, auto& room) {
    for (int64_t i = begin; i < end; ++i) body(i / h.inputs.heads, i % h.inputs.heads, room);
  });
}

}  // namespace lspt::cpu
