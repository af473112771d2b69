#include "ops/attention/attention.h"

#include "engine/accumulate.h"
#include "engine/gemm.h"
#include "engine/memory.h"
#include "engine/sum_rows.h"
#include "ops/linear.h"

namespace lspt {

Var attention(const Var& qkv, int heads, const AttentionOptions& options) {
  const Var &query = options.query, &prompt = options.prompt_kv;
  require(qkv.value.rank() == 3, "attention: qkv ", qkv.shape(), ", (B, N, 3D) expected");
  const int64_t batch = qkv.dim(0), width = qkv.dim(2) / (query ? 2 : 3);
  require(width * (query ? 2 : 3) == qkv.dim(2) && width % heads == 0, "attention: ", heads,
          " heads in ", qkv.shape());
  require(!query || (query.value.rank() == 3 && query.dim(0) == batch && query.dim(2) == width),
          "attention: query ", query.shape(), " for keys and values ", qkv.shape());
  require(!prompt ||
              (prompt.dim(-1) == 2 * width &&
               (prompt.value.rank() == 2 || (prompt.value.rank() == 3 && prompt.dim(0) == batch))),
          "attention: prompt_kv ", prompt.shape(), ", (P, ", 2 * width, ") or (", batch, ", P, ",
          2 * width, ") expected");
  require((!query || query.dtype() == qkv.dtype()) && (!prompt || prompt.dtype() == qkv.dtype()),
          "attention: inputs of different dtypes");
  require(!options.temperature || options.temperature_index < options.temperature.value.numel(),
          "attention: temperature ", options.temperature_index, " of ",
          options.temperature.shape());
  const AttentionInputs inputs{
      qkv.value, query.value, prompt.value, options.temperature.value, options.temperature_index,
      heads};
  const int64_t queries = query ? query.dim(1) : qkv.dim(1);
  Tensor y({batch, queries, width}, qkv.dtype(), qkv.device());
  const Tensor log_sum({batch, heads, queries}, DType::f32, qkv.device());
  attention_forward(y, log_sum, inputs);
  // Two products forward; four backward (the scores a second time are not counted), or three if
  // queries want no gradient.
  const int64_t product = 2 * y.numel() * (qkv.dim(1) + (prompt ? prompt.dim(-2) : 0));
  count_operations(2 * product);
  if (!recording({&qkv, &query, &prompt, &options.temperature})) return y;

  const Tensor kept_y = y.device() == Device::cpu ? Tensor() : y;
  enum Input { kQkv, kQuery, kPrompt, kTemperature };
  return record(
      "attention", {&qkv, &query, &prompt, &options.temperature}, y,
      [inputs, kept_y, log_sum, batch, width, product](Backward& b) {
        const Tensor &qkv_ = inputs.qkv, &prompt_ = inputs.prompt;
        const DType type = qkv_.dtype();
        const Device device = qkv_.device();
        Tensor dqkv, dquery, dprompt, dtemperature;
        if (b.wanted(kQkv) || b.wanted(kQuery)) dqkv = Tensor(qkv_.shape(), type, device);
        if (dqkv && inputs.query) dquery = Tensor(inputs.query.shape(), type, device);
        if (b.wanted(kPrompt))
          dprompt = Tensor(prompt_.shape(), prompt_.rank() == 2 ? type : DType::f32, device);
        if (b.wanted(kTemperature))
          dtemperature = Tensor({batch, inputs.heads}, DType::f32, device);
        count_operations((dqkv ? 4 : 3) * product);
        attention_backward(b.grad(), dqkv, dquery, dprompt, dtemperature, kept_y, log_sum, inputs);
        if (b.wanted(kQkv)) b.add(kQkv, dqkv);
        if (b.wanted(kQuery)) b.add(kQuery, dquery);
        if (dprompt) b.add(kPrompt, dprompt);
        if (b.wanted(kTemperature)) {
          const Tensor total({1}, DType::f32, device);
          column_sum(total, dtemperature.reshape({dtemperature.numel(), 1}), 0.0f);
          const auto [dt, beta] = b.into(kTemperature);
          if (beta == 0.0f) memory::zero(dt.raw(), dt.nbytes(), device);
          const int64_t at = inputs.temperature_index;
          accumulate(dt.slice(at, at + 1), total, 1.0f);
        }
      });
}

Tensor image_shares(const Tensor& dprompt, int64_t batch) {
  if (!dprompt || dprompt.rank() == 3) return dprompt;
  return Tensor({batch, dprompt.dim(0), dprompt.dim(1)}, DType::f32, dprompt.device());
}

void sum_shares(const Tensor& dprompt, const Tensor& shares) {
  if (dprompt && dprompt.rank() == 2)
    sum_rows(dprompt, 0.0f, 1.0f, shares,
             Rows{.rows = shares.dim(0), .row_stride = dprompt.numel()},
             "attention_prompts_backward");
}

}  // namespace lspt
