#include "ops/attention/class_row.h"

#include <algorithm>
#include <cmath>

namespace lspt {
namespace {

Tensor on_host_f32(const Tensor& x) { return to_dtype(to_device(x, Device::cpu), DType::f32); }

/// Rows of keys: where the first begins, and how far it is from one to the next.
struct Keys {
  const float* first;
  int64_t row, count;
};

void softmax(float* scores, int64_t n) {
  const float largest = *std::max_element(scores, scores + n);
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += scores[i] = std::exp(scores[i] - largest);
  for (int64_t i = 0; i < n; ++i) scores[i] /= sum;
}

}  // namespace

Tensor class_row_attention(const Tensor& qkv, int heads, const AttentionOptions& options) {
  const bool own = !options.query;  // whether queries lie beside the keys
  require(qkv.rank() == 3 && heads >= 1 && qkv.cols() % ((own ? 3 : 2) * heads) == 0,
          "class_row_attention: ", qkv.shape(), " for ", heads, " heads");
  const int64_t batch = qkv.dim(0), tokens = qkv.dim(1), width = qkv.cols() / (own ? 3 : 2),
                depth = width / heads;
  const Tensor kv = on_host_f32(qkv);
  const Tensor query = own ? kv : on_host_f32(options.query.value);
  require(query.rank() == 3 && query.dim(0) == batch && query.cols() == (own ? 3 : 1) * width,
          "class_row_attention: queries ", query.shape(), " for keys and values ", qkv.shape());
  const Tensor prompt = options.prompt_kv ? on_host_f32(options.prompt_kv.value) : Tensor();
  require(!prompt || (prompt.cols() == 2 * width && (prompt.rank() == 2 || prompt.dim(0) == batch)),
          "class_row_attention: prompts ", prompt ? prompt.shape() : Shape{}, " for tokens ",
          qkv.shape());
  const int64_t prompts = prompt ? prompt.dim(-2 + prompt.rank()) : 0;
  float scale = 1 / std::sqrt(static_cast<float>(depth));
  if (options.temperature) {
    const std::vector<float> t = options.temperature.value.to_vector();
    scale /= std::clamp(t[static_cast<size_t>(options.temperature_index)], 0.01f, 10.0f);
  }

  const Tensor out({batch, heads, tokens + prompts});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h) {
      const float* q = query.data<float>() + b * query.dim(1) * query.cols() + h * depth;
      float* p = out.data<float>() + (b * heads + h) * out.cols();
      float* to = p;
      const auto add = [&](const Keys& keys) {
        for (int64_t i = 0; i < keys.count; ++i) {
          const float* k = keys.first + i * keys.row;
          float sum = 0;
          for (int64_t c = 0; c < depth; ++c) sum += q[c] * k[c];
          *to++ = sum * scale;
        }
      };
      const float* k = kv.data<float>() + b * tokens * kv.cols() + (own ? width : 0) + h * depth;
      add({k, kv.cols(), 1});
      if (prompt)
        add({prompt.data<float>() + (prompt.rank() == 3 ? b * prompts * prompt.cols() : 0) +
                 h * depth,
             prompt.cols(), prompts});
      add({k + kv.cols(), kv.cols(), tokens - 1});
      softmax(p, out.cols());
    }
  return out;
}

}  // namespace lspt
