// Whole models against PyTorch: logits, loss, every gradient, and ten optimizer steps of losses.
#include <functional>
#include <set>

#include "models/model.h"
#include "ops/cross_entropy.h"
#include "tests/golden.h"
#include "tests/gpu.h"
#include "train/optimizer.h"

using namespace lspt;

namespace {

/// As in tests/golden/make_fixtures.py.
struct Case {
  std::string name;
  std::string method;
  int depth = 2;
  Pool pool = Pool::token;
  std::function<void(MethodConfig&)> change = [](MethodConfig&) {};
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& name : method_names()) {
    all.push_back({name, name});
    all.push_back({name + ".avg", name, 2, Pool::avg});
    if (name != "linear" && name != "full") all.push_back({name + ".depth3", name, 3});
  }
  const auto lspt = [&](const char* name, std::function<void(PromptConfig&)> change,
                        Pool pool = Pool::token) {
    all.push_back(
        {std::string("lspt.") + name, "lspt", 3, pool, [=](MethodConfig& m) { change(m.prompt); }});
  };
  using C = PromptConfig;
  lspt("first", [](C& c) { c.new_prompts = NewPrompts::first; });
  lspt("out", [](C& c) { c.carry = Carry::out, c.gspc = false; });
  lspt("first-out-gspc", [](C& c) { c.new_prompts = NewPrompts::first, c.carry = Carry::out; });
  lspt("gate", [](C& c) { c.carry = Carry::gate, c.gspc = false; });
  lspt("attn-temp", [](C& c) { c.attn_temp = true; });
  lspt("own-cells", [](C& c) { c.lstm_share = false; });
  lspt("narrow", [](C& c) { c.lstm_hidden = 8; });
  lspt(
      "narrow-own-cells", [](C& c) { c.lstm_hidden = 8, c.lstm_share = false; }, Pool::avg);
  lspt("residual", [](C& c) { c.lstm_residual = true; });
  lspt("narrow-residual", [](C& c) { c.lstm_hidden = 8, c.lstm_residual = true; });
  lspt("mean-in", [](C& c) { c.mean_in = true; });
  lspt("mean-ln", [](C& c) { c.mean_ln = true; });
  lspt("mean-cls", [](C& c) { c.mean_cls = true; });
  lspt(
      "mean-in-ln-cls", [](C& c) { c.mean_in = c.mean_ln = c.mean_cls = true; }, Pool::avg);
  lspt("mean-detach", [](C& c) { c.mean_detach = true; });
  lspt("lpc-first", [](C& c) { c.lpc_first = true; });
  lspt("lpc-first-residual", [](C& c) { c.lpc_first = c.lstm_residual = true; });
  lspt("lr-mult", [](C& c) { c.lstm_lr_mult = 0.1f; });
  all.push_back({"gapt.clamped", "gapt", 3});
  for (const char* name : {"vpt-shallow", "vpt-deep", "lspt"})
    all.push_back({std::string(name) + ".patches", name, 2, Pool::patches});
  const auto every = [](MethodConfig& m) {
    m.side.lora_rank = 3, m.side.lora_alpha = 3, m.side.lora_targets = 63;
  };
  all.push_back({"lora.every", "lora", 2, Pool::token, every});
  all.push_back({"lora.every.avg", "lora", 2, Pool::avg, every});
  all.push_back({"adapter.both", "adapter", 2, Pool::token, [](MethodConfig& m) {
                   m.side.adapter_dim = 8, m.side.adapter_scale = 0.5f, m.side.adapter_at = 3;
                 }});
  all.push_back(
      {"partial.two", "partial", 3, Pool::token, [](MethodConfig& m) { m.last_blocks = 2; }});
  for (const char* name : {"vpt-deep", "lspt"})
    all.push_back({std::string(name) + ".rank", name, 3, Pool::token,
                   [](MethodConfig& m) { m.prompt.rank = 3; }});
  for (const std::string name : {"gspc.mixtures", "lspt.mixtures", "lspt.mixtures-first"})
    all.push_back({name, name.substr(0, 4), 3, Pool::token, [name](MethodConfig& m) {
                     m.prompt.mixtures = true;
                     m.prompt.lpc_first = m.prompt.mean_in = name.ends_with("first");
                   }});
  all.push_back({"mlp.narrow", "mlp", 2, Pool::token,
                 [](MethodConfig& m) { m.head = {.layers = 2, .hidden = 12}; }});
  all.push_back({"adapter.sequential", "adapter", 3, Pool::token, [](MethodConfig& m) {
                   m.side.adapter_dim = 8, m.side.adapter_scale = 0.5f;
                   m.side.adapter_sequential = true, m.side.adapter_at = 3u;
                 }});
  all.push_back({"adapter.pfeiffer", "adapter", 2, Pool::avg, [](MethodConfig& m) {
                   m.side.adapter_dim = 8, m.side.adapter_scale = 1.0f;
                   m.side.adapter_sequential = m.side.adapter_gelu = true;
                 }});
  const auto key_value = [](MethodConfig& m) { m.prompt.key_value = true; };
  all.push_back({"vpt-deep.key-value.token", "vpt-deep", 3, Pool::token, key_value});
  all.push_back({"vpt-deep.key-value.avg", "vpt-deep", 3, Pool::avg, key_value});
  all.push_back({"vpt-deep.key-value.rank", "vpt-deep", 2, Pool::token,
                 [](MethodConfig& m) { m.prompt.key_value = true, m.prompt.rank = 3; }});
  all.push_back({"lora.peft", "lora", 2, Pool::token, [](MethodConfig& m) {
                   m.side.lora_rank = 3;
                   m.side.lora_targets = 0b111000;  // proj, fc1, fc2
                 }});
  return all;
}

ModelConfig config_of(const Case& c, Device device = Device::cpu) {
  ModelConfig config = golden::config(c.method, c.depth, c.pool);
  config.device = device;
  c.change(config.method);
  return config;
}

/// The fixtures, read once.
struct Golden {
  NamedTensors backbone = golden::read("backbone"), methods = golden::read("methods");

  NamedTensors initial(const std::string& case_name) const {
    return golden::initial(backbone, methods, case_name);
  }
  const Tensor& operator()(const std::string& name) const { return golden::at(methods, name); }
  const Tensor& images() const { return golden::at(backbone, "images"); }
  Tensor target() const { return one_hot({3, 0, 2}, 5); }
};

const Golden& fixtures() {
  static const Golden golden;
  return golden;
}

/// The loss before each of ten steps; matrices decay by 0.05 under AdamW.
std::vector<float> ten_losses(const Case& c, OptimizerConfig optimizer_config, float lr,
                              Device device) {
  Model model(config_of(c, device), fixtures().initial(c.name));
  for (Parameter* parameter : model.parameters())
    parameter->weight_decay = parameter->var.shape().rank() > 1;
  Optimizer optimizer(optimizer_config, model.trainable());
  std::vector<float> losses;
  for (int step = 0; step < 10; ++step) {
    Tape tape;
    const Var loss = cross_entropy(model.forward(fixtures().images()), fixtures().target());
    tape.backward(loss);
    optimizer.step(lr);
    losses.push_back(loss.value.to_vector()[0]);
  }
  return losses;
}

void check_losses(const std::vector<float>& losses, const Tensor& want) {
  const std::vector<float> expected = want.to_vector();
  REQUIRE(losses.size() == expected.size());
  for (size_t step = 0; step < losses.size(); ++step) {
    CAPTURE(step);
    CHECK(losses[step] == doctest::Approx(expected[step]).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("the fixtures and the table of cases name the same cases, and every method is one") {
  std::set<std::string> table, stored;
  for (const Case& c : cases()) table.insert(c.name);
  for (const auto& [key, tensor] : fixtures().methods)
    if (key.ends_with(".loss")) stored.insert(key.substr(0, key.size() - 5));
  CHECK(table == stored);
  for (const std::string& method : method_names()) CHECK(table.contains(method));
}

TEST_CASE("a ViT's logits are timm's, with the class row and with the mean of patches") {
  for (const auto& [name, pool] :
       {std::pair{"timm.token.logits", Pool::token}, std::pair{"timm.avg.logits", Pool::avg}}) {
    CAPTURE(name);
    Model model(config_of({"linear", "linear", 3, pool}), fixtures().initial("linear"));
    const Tensor logits = model.forward(fixtures().images()).value;
    CHECK(golden::distance(logits, golden::at(fixtures().backbone, name)) <= 1e-4);
  }
}

TEST_CASE("without fc_norm the mean is of normalized rows, as timm's fc_norm=False has it") {
  ModelConfig config = config_of({"linear", "linear", 3, Pool::patches});
  config.fc_norm = false;
  Model model(config, fixtures().initial("linear"));
  const Tensor logits = model.forward(fixtures().images()).value;
  const Tensor expected = golden::at(golden::read("families"), "timm.mean_of_normalized.logits");
  CHECK(golden::distance(logits, expected) <= 1e-4);
}

namespace {

void check_gradients(Device device) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    Model model(config_of(c, device), fixtures().initial(c.name));
    Tape tape;
    const Var logits = model.forward(fixtures().images());
    const Var loss = cross_entropy(logits, fixtures().target());
    CHECK(golden::distance(logits.value, fixtures()(c.name + ".logits")) <= 1e-4);
    CHECK(golden::near(loss.value.reshape({1}), fixtures()(c.name + ".loss")));
    tape.backward(loss);

    std::set<std::string> trained, expected;
    const std::string prefix = c.name + ".grad.";
    for (const auto& [key, tensor] : fixtures().methods)
      if (key.starts_with(prefix)) expected.insert(key.substr(prefix.size()));
    for (const Parameter* parameter : model.trainable()) {
      CAPTURE(parameter->name);
      trained.insert(parameter->name);
      CHECK(golden::near(parameter->var.node->grad, fixtures()(prefix + parameter->name)));
    }
    CHECK(trained == expected);
  }
}

void check_sgd(Device device) {
  // The emulated GPU takes a second for three cases: there every method, but not every switch.
  const bool few = device == Device::cuda && test::gpu_is_emulated();
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    if (few && c.name != c.method) continue;
    check_losses(ten_losses(c, {.kind = OptimizerKind::sgd}, 0.05f, device),
                 fixtures()(c.name + ".sgd"));
  }
}

void check_adamw(Device device) {
  for (const Case& c : cases())
    if (c.name == "full" || c.name == "lspt" || c.name == "lspt.depth3") {
      CAPTURE(c.name);
      check_losses(
          ten_losses(c, {.kind = OptimizerKind::adamw, .weight_decay = 0.05f}, 0.01f, device),
          fixtures()(c.name + ".adamw"));
    }
}

}  // namespace

TEST_CASE("logits, loss and every gradient of every method and switch are PyTorch's") {
  check_gradients(Device::cpu);
}

TEST_CASE("logits, loss and every gradient of every method are PyTorch's on the GPU" *
          test::needs_gpu()) {
  check_gradients(Device::cuda);
}

TEST_CASE("ten steps of SGD with momentum lose what PyTorch's lose, for every method and switch") {
  check_sgd(Device::cpu);
}

TEST_CASE("ten steps of SGD lose what PyTorch's lose on the GPU" * test::needs_gpu()) {
  check_sgd(Device::cuda);
}

TEST_CASE("ten steps of AdamW lose what PyTorch's lose") { check_adamw(Device::cpu); }

TEST_CASE("ten steps of AdamW lose what PyTorch's lose on the GPU" * test::needs_gpu()) {
  check_adamw(Device::cuda);
}
