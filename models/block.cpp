#include "models/block.h"

#include "ops/attention/class_row.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/tokens.h"

namespace lspt {

void add_block_shapes(NamedShapes& shapes, const std::string& prefix, int64_t width,
                      int64_t hidden) {
  const auto add = [&](const char* name, const Shape& weight) {
    shapes.emplace_back(prefix + name + ".weight", weight);
    shapes.emplace_back(prefix + name + ".bias", Shape{weight[0]});
  };
  add("norm1", {width});
  add("attn.qkv", {3 * width, width});
  add("attn.proj", {width, width});
  add("norm2", {width});
  add("mlp.fc1", {hidden, width});
  add("mlp.fc2", {width, hidden});
}

BlockWeights block_weights(const std::deque<Parameter>& parameters, size_t first) {
  const auto at = [&](size_t i) -> const Var& { return parameters[first + i].var; };
  return {at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10), at(11)};
}

Var transformer_block(const BlockWeights& w, int heads, float eps, const Var& input,
                      const BlockOptions& options) {
  const int64_t d = input.dim(-1);
  const auto norm = [eps](const Var& x, const Var& weight, const Var& bias) {
    return layer_norm(x, weight, bias, eps);
  };
  AttentionOptions attention_options{.prompt_kv = options.prompt_kv,
                                     .temperature = options.temperature,
                                     .temperature_index = options.temperature_index};
  const Side* const side = options.side;
  // Projections first.. of rows, queries, keys and values in this order.
  const auto projected = [&](const Var& rows, Projection first, int count) {
    const int64_t at = static_cast<int64_t>(first) * d;
    Var y = count == 3 ? linear(rows, w.qkv_weight, w.qkv_bias)
                       : linear(rows, slice_rows(w.qkv_weight, at, at + count * d),
                                slice_rows(w.qkv_bias, at, at + count * d));
    return side ? side->projected(options.index, first, count, rows, std::move(y)) : y;
  };
  const auto keys_values = [&](const Var& rows) { return projected(rows, Projection::key, 2); };
  const auto layer = [&](const Var& rows, Projection which, const Var& weight, const Var& bias,
                         const LinearOptions& fused) {
    Var y = linear(rows, weight, bias, fused);
    return side ? side->projected(options.index, which, 1, rows, std::move(y)) : y;
  };
  if (options.prompts)
    attention_options.prompt_kv = keys_values(norm(options.prompts, w.norm1_weight, w.norm1_bias));

  // Where only a slice of a tensor is read beside the whole, the slice is taken first: its gradient
  // then arrives last and is added to what the whole's has already filled.
  Var x = input, mixed;
  const auto look = [&](const Var& qkv) {
    if (options.class_attention)
      *options.class_attention = class_row_attention(qkv.value, heads, attention_options);
  };
  if (options.class_only) {
    x = slice_tokens(input, 0, 1);
    const Var n = norm(input, w.norm1_weight, w.norm1_bias);
    attention_options.query = projected(slice_tokens(n, 0, 1), Projection::query, 1);
    const Var kv = keys_values(n);
    look(kv);
    mixed = attention(kv, heads, attention_options);
  } else {
    const auto qkv_of = [&](const Var& rows) {
      return projected(norm(rows, w.norm1_weight, w.norm1_bias), Projection::query, 3);
    };
    Var qkv = qkv_of(input);
    if (options.insert) {
      x = splice(input, 1, 0, options.insert);
      qkv = splice(qkv, 1, 0, qkv_of(options.insert));
    }
    look(qkv);
    mixed = attention(qkv, heads, attention_options);
  }
  const auto join = [&](Branch which, const Var& before, const auto& branch) {
    return side ? side->joined(options.index, which, before, branch) : branch(before);
  };
  x = join(Branch::attention, x, [&](const Var& residual) {
    return layer(mixed, Projection::proj, w.proj_weight, w.proj_bias, {.residual = residual});
  });
  const bool fused = !side || !side->updates(Projection::fc1);
  Var hidden = layer(norm(x, w.norm2_weight, w.norm2_bias), Projection::fc1, w.fc1_weight,
                     w.fc1_bias, {.gelu = fused});
  if (!fused) hidden = gelu(hidden);
  return join(Branch::mlp, x, [&](const Var& residual) {
    return layer(hidden, Projection::fc2, w.fc2_weight, w.fc2_bias, {.residual = residual});
  });
}

}  // namespace lspt
