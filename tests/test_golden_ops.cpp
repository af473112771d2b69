// Every op against PyTorch: result, and the gradient of each input for a random upstream gradient.
#include <functional>

#include "ops/attention.h"
#include "ops/cross_entropy.h"
#include "ops/gelu.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/lstm_cell.h"
#include "ops/patch_embed.h"
#include "ops/patch_pool.h"
#include "tests/golden.h"

using namespace lspt;

namespace {

using Vars = std::vector<Var>;

/// One value from several outputs, such that output i receives the gradient dys[i].
Var seed(const Vars& ys, const std::vector<Tensor>& dys) {
  if (ys.size() == 1)
    return record("seed", {&ys[0]}, Tensor::zeros({1}), [dys](Backward& b) { b.add(0, dys[0]); });
  return record("seed", {&ys[0], &ys[1]}, Tensor::zeros({1}), [dys](Backward& b) {
    b.add(0, dys[0]);
    b.add(1, dys[1]);
  });
}

/// Compares op(inputs) with the fixture's, by name; inputs without a stored gradient are constants.
void check(const std::string& op, const std::vector<std::string>& inputs,
           const std::function<Vars(const Vars&)>& function,
           const std::vector<std::string>& outputs = {"out"}) {
  CAPTURE(op);
  const NamedTensors golden = golden::read("ops");
  const auto key = [&](const std::string& name) { return op + "." + name; };
  Vars leaves;
  for (const std::string& name : inputs) {
    const Tensor value = golden::at(golden, key(name));
    leaves.push_back(golden.contains(key("grad." + name)) ? Var::trainable(value) : Var(value));
  }
  Tape tape;
  const Vars results = function(leaves);
  std::vector<Tensor> upstream;
  for (size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(outputs[i]);
    const Tensor want = golden::at(golden, key(outputs[i]));
    CHECK(golden::near(results[i].value.reshape(want.shape()), want, 1e-5));
    upstream.push_back(golden::at(golden, key("d" + outputs[i])).reshape(results[i].shape()));
  }
  tape.backward(seed(results, upstream));
  for (size_t i = 0; i < inputs.size(); ++i) {
    CAPTURE(inputs[i]);
    if (leaves[i].node)
      CHECK(golden::near(leaves[i].node->grad, golden::at(golden, key("grad." + inputs[i])), 1e-5));
  }
}

constexpr int kHeads = 4;

}  // namespace

TEST_CASE("linear, alone and with its fused neighbours, is PyTorch's") {
  check("linear", {"x", "weight", "bias"},
        [](const Vars& v) { return Vars{linear(v[0], v[1], v[2])}; });
  check("linear_gelu", {"x", "weight", "bias"},
        [](const Vars& v) { return Vars{linear(v[0], v[1], v[2], {.gelu = true})}; });
  check("linear_residual", {"x", "weight", "bias", "residual"},
        [](const Vars& v) { return Vars{linear(v[0], v[1], v[2], {.residual = v[3]})}; });
}

TEST_CASE("layer_norm and gelu are PyTorch's") {
  check("layer_norm", {"x", "weight", "bias"},
        [](const Vars& v) { return Vars{layer_norm(v[0], v[1], v[2])}; });
  check("layer_norm_plain", {"x"}, [](const Vars& v) { return Vars{layer_norm(v[0], {}, {})}; });
  check("gelu", {"x"}, [](const Vars& v) { return Vars{gelu(v[0])}; });
}

TEST_CASE("attention in all its forms is PyTorch's") {
  const auto with = [](const Vars& v, AttentionOptions options) {
    options.temperature_index = 1;
    return Vars{attention(v[0], kHeads, options)};
  };
  check("attention", {"qkv"}, [&](const Vars& v) { return with(v, {}); });
  for (const char* op : {"attention_temperature", "attention_clamped"})
    check(op, {"qkv", "temperature"},
          [&](const Vars& v) { return with(v, {.temperature = v[1]}); });
  for (const char* op : {"attention_prompt", "attention_prompt_per_image"})
    check(op, {"qkv", "prompt_kv"}, [&](const Vars& v) { return with(v, {.prompt_kv = v[1]}); });
  check("attention_query", {"qkv", "query", "prompt_kv", "temperature"}, [&](const Vars& v) {
    return with(v, {.query = v[1], .prompt_kv = v[2], .temperature = v[3]});
  });
}

TEST_CASE("lstm_cell is torch.nn.LSTMCell") {
  check("lstm_cell", {"x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh"},
        [](const Vars& v) {
          const auto [h, c] = lstm_cell(v[0], v[1], v[2], lstm_weights(v[3], v[4], v[5], v[6], 1));
          return Vars{h, c};
        },
        {"hidden", "memory"});
}

TEST_CASE("patch_embed, patch_pool and cross_entropy are PyTorch's") {
  check("patch_embed", {"images", "weight", "bias"},
        [](const Vars& v) { return Vars{patch_embed(v[0].value, v[1], v[2], DType::f32)}; });
  check("patch_pool", {"x"}, [](const Vars& v) { return Vars{patch_pool(v[0], 3, v[0].dim(1))}; });
  check("cross_entropy", {"logits", "target"},
        [](const Vars& v) { return Vars{cross_entropy(v[0], v[1].value)}; });
}
