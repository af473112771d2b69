// The prompt recurrence against itself: settings that must coincide do, through different code.
#include <functional>

#include "ops/cross_entropy.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/tokens.h"
#include "tests/golden.h"

using namespace lspt;

namespace {

const NamedTensors& values() {
  static const NamedTensors all =
      golden::initial(golden::read("backbone"), golden::read("methods"));
  return all;
}

const Tensor& images() { return golden::at(values(), "images"); }

struct Outcome {
  Tensor logits;
  NamedTensors gradients;
};

Outcome run(const ModelConfig& config, const NamedTensors& start, const StepKey& key = {}) {
  Model model(config, start);
  Tape tape;
  const Var logits = model.forward(images(), key);
  tape.backward(cross_entropy(logits, one_hot({3, 0, 2}, 5)));
  Outcome outcome{logits.value, {}};
  for (const Parameter* parameter : model.trainable()) {
    const Tensor& gradient = parameter->var.node->grad;
    outcome.gradients[parameter->name] =
        gradient ? gradient : Tensor::zeros(parameter->var.shape());
  }
  return outcome;
}

/// Equal logits, and equal gradients of what both train.
void check_same(const Outcome& a, const Outcome& b) {
  CHECK(golden::near(a.logits, b.logits, 1e-5));
  for (const auto& [name, gradient] : a.gradients)
    if (b.gradients.contains(name)) {
      CAPTURE(name);
      CHECK(golden::near(gradient, b.gradients.at(name), 2e-5));
    }
}

void check_different(const Outcome& a, const Outcome& b) {
  CHECK(golden::distance(a.logits, b.logits) > 1e-3);
}

ModelConfig with(ModelConfig config, const std::function<void(PromptConfig&)>& change) {
  change(config.method.prompt);
  return config;
}

Tensor filled(const Shape& shape, float value) {
  const Tensor tensor(shape);
  fill(tensor, value);
  return tensor;
}

/// The same values with everything whose name starts with `prefix` set to zero.
NamedTensors zeroed(NamedTensors start, const std::string& prefix) {
  for (auto& [name, tensor] : start)
    if (name.starts_with(prefix)) tensor = Tensor::zeros(tensor.shape());
  return start;
}

Tensor sum(const std::vector<Tensor>& parts) {
  const Tensor total = Tensor::zeros(parts[0].shape());
  for (const Tensor& part : parts)
    for (int64_t i = 0; i < total.numel(); ++i) total.data<float>()[i] += part.data<float>()[i];
  return total;
}

void for_both_pools(const std::function<void(Pool)>& body) {
  for (const Pool pool : {Pool::token, Pool::avg}) {
    CAPTURE(pool == Pool::avg);
    body(pool);
  }
}

}  // namespace

TEST_CASE(
    "LSPT without coding is VPT-deep, and with plain carrying of one prompt set VPT-shallow") {
  for_both_pools([](Pool pool) {
    const ModelConfig lspt = golden::config("lspt", 3, pool);
    const Outcome deep = run(golden::config("vpt-deep", 3, pool), values());
    const Outcome shallow = run(golden::config("vpt-shallow", 3, pool), values());
    check_same(run(with(lspt, [](auto& c) { c.carry = Carry::none, c.gspc = false; }), values()),
               deep);
    check_same(run(with(lspt,
                        [](auto& c) {
                          c.new_prompts = NewPrompts::first, c.carry = Carry::out;
                          c.gspc = false;
                        }),
                   values()),
               shallow);
    check_different(deep, shallow);
  });
}

TEST_CASE(
    "keys and values that a block's norm and matrices make of VPT-deep's prompts are VPT-deep") {
  const ModelConfig deep = golden::config("vpt-deep", 3);
  NamedTensors start = values();
  for (int l = 0; l < 3; ++l) {
    const std::string block = "blocks." + std::to_string(l) + ".";
    const auto of = [&](const std::string& name) { return Var(start.at(block + name)); };
    const Var n = layer_norm(Var(start.at("prompt." + std::to_string(l))), of("norm1.weight"),
                             of("norm1.bias"), 1e-6f);
    const int64_t d = deep.vit.embed_dim;
    start["prompt." + std::to_string(l)] = linear(n, slice_rows(of("attn.qkv.weight"), d, 3 * d),
                                                  slice_rows(of("attn.qkv.bias"), d, 3 * d))
                                               .value;
  }
  const auto keyed = with(deep, [](auto& c) { c.key_value = true; });
  const Outcome direct = run(keyed, start), made = run(deep, values());
  CHECK(golden::near(direct.logits, made.logits, 1e-5));
  CHECK(golden::near(direct.gradients.at("head.weight"), made.gradients.at("head.weight"), 2e-5));
}

TEST_CASE("an LSTM of zeros carries nothing: LSPT is VPT-deep, and its residual form GSPC") {
  const NamedTensors start = zeroed(values(), "lspt.lstm");
  for_both_pools([&](Pool pool) {
    const ModelConfig lspt = golden::config("lspt", 3, pool);
    check_same(run(lspt, start), run(golden::config("vpt-deep", 3, pool), start));
    check_same(run(golden::config("lpc", 3, pool), start),
               run(golden::config("vpt-deep", 3, pool), start));
    check_same(run(with(lspt, [](auto& c) { c.lstm_residual = true; }), start),
               run(golden::config("gspc", 3, pool), start));
    check_different(run(lspt, values()), run(lspt, start));
  });
}

TEST_CASE("an LSTM of zeros under one residual prompt set is VPT-shallow") {
  const NamedTensors start = zeroed(values(), "lspt.lstm");
  const auto change = [](PromptConfig& c) {
    c.new_prompts = NewPrompts::first, c.lstm_residual = true;
  };
  check_same(run(with(golden::config("lpc"), change), start),
             run(golden::config("vpt-shallow"), start));
}

TEST_CASE("a projection of zeros makes the narrow LSTM VPT-deep, and its bias moves every prompt") {
  NamedTensors start = zeroed(values(), "lspt.lstm");
  start = zeroed(start, "lspt.up");
  for (const char* name :
       {"lspt.lstm.weight_ih", "lspt.lstm.weight_hh", "lspt.lstm.bias_ih", "lspt.lstm.bias_hh"})
    start.erase(name);  // drawn
  const ModelConfig narrow = with(golden::config("lspt"), [](auto& c) { c.lstm_hidden = 8; });
  start["lspt.up.weight"] = Tensor::zeros({32, 8});
  start["lspt.up.bias"] = Tensor::zeros({32});
  check_same(run(narrow, start), run(golden::config("vpt-deep"), start));
  start["lspt.up.bias"] = filled({32}, 0.5f);
  NamedTensors moved = start;
  for (const char* name : {"prompt.1", "prompt.2"})
    moved[name] = sum({start[name], filled({5, 32}, 0.5f)});
  check_same(run(narrow, start), run(golden::config("vpt-deep"), moved));
}

TEST_CASE(
    "an open gate is VPT-shallow, and a closed one VPT-deep with the same prompts everywhere") {
  for_both_pools([](Pool pool) {
    const ModelConfig gapt = golden::config("gapt", 3, pool);  // temperatures start at one
    NamedTensors start = values();
    start["gate.logit"] = filled({2}, 40.0f);
    check_same(run(gapt, start), run(golden::config("vpt-shallow", 3, pool), start));

    start["gate.logit"] = filled({2}, -100.0f);
    start["prompt.1"] = start["prompt.2"] = start["prompt.0"];
    const Outcome closed = run(gapt, start);
    Outcome deep = run(golden::config("vpt-deep", 3, pool), start);
    deep.gradients["prompt.0"] =
        sum({deep.gradients["prompt.0"], deep.gradients["prompt.1"], deep.gradients["prompt.2"]});
    check_same(closed, deep);
  });
}

TEST_CASE("temperatures of one change nothing, and those beyond the clamp are the clamp") {
  const ModelConfig warm = with(golden::config("lspt"), [](auto& c) { c.attn_temp = true; });
  NamedTensors start = values();
  start["attn.temp"] = filled({3}, 1.0f);
  check_same(run(warm, start), run(golden::config("lspt"), start));
  start["attn.temp"] = filled({3}, 10.0f);
  const Outcome clamp = run(warm, start);
  start["attn.temp"] = filled({3}, 1000.0f);
  Outcome beyond = run(warm, start);
  CHECK(golden::largest(beyond.gradients.at("attn.temp")) == 0.0);
  beyond.gradients.erase("attn.temp");
  check_same(beyond, clamp);
}

TEST_CASE("GSPC does not depend on the coding order, and one order of LSPT is LPC plus the mean") {
  const auto first = [](PromptConfig& c) { c.lpc_first = true; };
  check_same(run(with(golden::config("gspc"), first), values()),
             run(golden::config("gspc"), values()));
  check_same(run(with(golden::config("lpc"), first), values()),
             run(golden::config("lpc"), values()));
  check_different(run(with(golden::config("lspt"), first), values()),
                  run(golden::config("lspt"), values()));
}

TEST_CASE("cells of their own with equal weights are the shared cell, and share its gradient") {
  NamedTensors start = values();
  const std::vector<std::string> names = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
  for (const std::string& name : names)
    for (const char* cell : {"0.", "1."})
      start["lspt.lstm." + (cell + name)] = golden::at(values(), "lspt.lstm." + name);
  Outcome own = run(with(golden::config("lspt"), [](auto& c) { c.lstm_share = false; }), start);
  for (const std::string& name : names)
    own.gradients["lspt.lstm." + name] =
        sum({own.gradients.at("lspt.lstm.0." + name), own.gradients.at("lspt.lstm.1." + name)});
  check_same(run(golden::config("lspt"), start), own);
}

TEST_CASE("a detached mean changes gradients and not logits") {
  const Outcome whole = run(golden::config("gspc"), values());
  const Outcome cut =
      run(with(golden::config("gspc"), [](auto& c) { c.mean_detach = true; }), values());
  CHECK(golden::distance(whole.logits, cut.logits) == 0.0);
  const Tensor &cut_prompt = cut.gradients.at("prompt.0"), &prompt = whole.gradients.at("prompt.0");
  CHECK(golden::distance(cut_prompt, prompt) > 1e-3 * golden::largest(prompt));
}

TEST_CASE("in a ViT of one block every method with prompts is the same") {
  for_both_pools([](Pool pool) {
    const Outcome deep = run(golden::config("vpt-deep", 1, pool), values());
    for (const std::string method : {"vpt-shallow", "gapt", "gspc", "lpc", "lspt"}) {
      CAPTURE(method);
      check_same(run(golden::config(method, 1, pool), values()), deep);
    }
  });
}

TEST_CASE("a trainable backbone computes what a frozen one does") {
  for_both_pools([](Pool pool) {
    check_same(run(golden::config("full", 3, pool), values()),
               run(golden::config("linear", 3, pool), values()));
    for (const std::string method : {"vpt-deep", "lspt", "gapt"}) {
      CAPTURE(method);
      const ModelConfig frozen = golden::config(method, 3, pool);
      NamedTensors start = values();
      start["gate.logit"] = filled({2}, 0.5f);
      ModelConfig moving = frozen;
      moving.method.trained = Trained::all;
      check_same(run(moving, start), run(frozen, start));
    }
  });
}

TEST_CASE("mixtures of patches that are zero add the mean alone") {
  for_both_pools([](Pool pool) {
    for (const std::string method : {"gspc", "lspt"}) {
      const ModelConfig mean = golden::config(method, 3, pool);
      NamedTensors start = values();
      for (const char* name : {"gspc.0.weight", "gspc.1.weight"}) start.erase(name);  // zero
      const ModelConfig mixed = with(mean, [](auto& c) { c.mixtures = true; });
      check_same(run(mean, start), run(mixed, start));
      start["gspc.0.weight"] = filled({5, 16}, 0.1f);
      check_different(run(mean, start), run(mixed, start));
    }
  });
}

TEST_CASE("a model whose low-rank updates are merged computes the same as a plain one") {
  for_both_pools([](Pool pool) {
    ModelConfig config = golden::config("lora", 3, pool);
    config.method.side.lora_targets = 63;  // all
    config.method.side.lora_rank = 3;
    config.method.side.lora_alpha = 3.0f;
    NamedTensors start = values();
    for (int block = 0; block < 3; ++block)
      for (const char* which : kProjections) {
        const std::string name = "lora." + std::to_string(block) + "." + which;
        start.erase(name + ".down");  // drawn
        start[name + ".up"] = filled({which == std::string("fc1") ? 128 : 32, 3}, 0.05f);
      }
    Model tuned(config, start);
    Model plain(golden::config("linear", 3, pool), tuned.merged());
    const Tensor want = tuned.forward(images()).value;
    CHECK(golden::distance(plain.forward(images()).value, want) <= 1e-5 * golden::largest(want));
    Model untuned(golden::config("linear", 3, pool), start);
    CHECK(golden::distance(untuned.forward(images()).value, want) > 1e-2);
  });
}

TEST_CASE("dropout that drops nothing gives each image its own prompts and changes nothing") {
  NamedTensors start = values();
  start["gate.logit"] = filled({2}, 0.5f);
  for_both_pools([&](Pool pool) {
    for (const std::string method : {"vpt-shallow", "vpt-deep", "gapt", "gspc", "lpc", "lspt"}) {
      CAPTURE(method);
      const ModelConfig config = golden::config(method, 3, pool);
      check_same(run(with(config, [](auto& c) { c.dropout = 1e-30f; }), start), run(config, start));
    }
  });
}

TEST_CASE("dropout depends on its key alone, and acts in training only") {
  const ModelConfig config = with(golden::config("lspt"), [](auto& c) { c.dropout = 0.5f; });
  const StepKey key{.seed = 7, .epoch = 2, .step = 3};
  const Outcome once = run(config, values(), key), again = run(config, values(), key);
  CHECK(golden::distance(once.logits, again.logits) == 0.0);
  for (const auto& [name, gradient] : once.gradients)
    CHECK(golden::distance(gradient, again.gradients.at(name)) == 0.0);
  for (const StepKey& other : {StepKey{8, 2, 3}, StepKey{7, 1, 3}, StepKey{7, 2, 4}})
    check_different(run(config, values(), other), once);

  const Tensor still = Model(config, values()).forward(images(), key).value;
  const Tensor without = Model(golden::config("lspt"), values()).forward(images()).value;
  CHECK(golden::distance(still, without) == 0.0);
}
