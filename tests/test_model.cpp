// What a model owns, how it starts, what it refuses.
#include <set>

#include "models/model.h"
#include "ops/cross_entropy.h"
#include "ops/tokens.h"
#include "tests/golden.h"
#include "train/optimizer.h"

using namespace lspt;

namespace {

int64_t count(const Parameters& parameters) {
  int64_t elements = 0;
  for (const Parameter* parameter : parameters) elements += parameter->var.value.numel();
  return elements;
}

std::set<std::string> names(const Parameters& parameters) {
  std::set<std::string> all;
  for (const Parameter* parameter : parameters) all.insert(parameter->name);
  return all;
}

const Parameter& find(const Parameters& parameters, const std::string& name) {
  for (const Parameter* parameter : parameters)
    if (parameter->name == name) return *parameter;
  fail(ErrorKind::kInternal, "no parameter ", name);
}

template <typename F>
ErrorKind kind_of_error(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kInternal;
}

}  // namespace

TEST_CASE("the methods tune as many parameters of ViT-B/16 as the arithmetic says") {
  const ViTConfig vit = vit_config("vit_base_patch16_224");
  int64_t backbone = 0;
  for (const auto& [name, shape] : backbone_shapes(vit)) backbone += shape.numel();
  CHECK(backbone == 85'798'656);

  const NamedTensors nothing;
  const auto tuned = [&](const std::string& method, int prompts, int hidden = 0) {
    PromptConfig config = method_config(method, prompts).prompt;
    config.lstm_hidden = hidden;
    Prompts owner(config, vit, DType::f32, Initializer(1, Device::cpu, nothing));
    return count(owner.parameters()) + 200 * 769;  // and the head of CUB-200
  };
  CHECK(tuned("linear", 0) == 153'800);
  CHECK(tuned("vpt-shallow", 100) == 230'600);
  CHECK(tuned("vpt-deep", 10) == 245'960);
  CHECK(tuned("gapt", 100) == 230'623);
  CHECK(tuned("gspc", 100) == 1'075'400);
  CHECK(tuned("lspt", 100, 64) == 1'338'824);
  CHECK(tuned("lspt", 100) == 5'800'136);
}

TEST_CASE("tuned shares of ViT-B/16 are those that VPT's and VFPT's tables print") {
  const ViTConfig vit = vit_config("vit_base_patch16_224");
  const NamedTensors nothing;
  // VTAB's 19 tasks have 940 classes, with the five of FGVC 2113 (Jia et al. 2022, Table 7).
  const auto percent = [&](const std::string& name, double classes) {
    const MethodConfig m = method_config(name, 1);
    double backbone = 0, tuned = 0;
    for (const auto& [parameter, shape] : backbone_shapes(vit)) {
      backbone += static_cast<double>(shape.numel());
      if (m.trains(parameter, vit.depth)) tuned += static_cast<double>(shape.numel());
    }
    tuned += 769 * classes;
    return std::round(1e4 * tuned / (backbone + 769 * classes)) / 100;
  };
  CHECK(percent("linear", 940 / 19.0) == 0.04);   // VFPT's Table 2
  CHECK(percent("partial", 940 / 19.0) == 8.30);  // the same
  CHECK(percent("bias", 940 / 19.0) == 0.16);     // the same
  CHECK(percent("linear", 2113 / 24.0) == 0.08);  // its Table 1
  CHECK(percent("partial", 2113 / 24.0) == 8.34);
  CHECK(percent("full", 940 / 19.0) == 100.0);

  const auto added = [&](const std::string& name) {
    Side side(method_config(name, 1).side, vit.depth, 768, 3072, DType::f32,
              Initializer(1, Device::cpu, nothing));
    return count(side.parameters());
  };
  CHECK(added("adapter") == 12 * (2 * 64 * 768 + 64 + 768));  // 1.19 M: AdaptFormer-64
  CHECK(added("lora") == 12 * 2 * 8 * (768 + 768));           // peft's count for r = 8 on q and v
}

TEST_CASE("each method trains its own parameters and the head, and full the whole backbone") {
  const std::set<std::string> head = {"head.weight", "head.bias"};
  const std::set<std::string> lstm = {"lspt.lstm.weight_ih", "lspt.lstm.weight_hh",
                                      "lspt.lstm.bias_ih", "lspt.lstm.bias_hh"};
  const std::set<std::string> deep = {"prompt.0", "prompt.1", "prompt.2"};
  const std::map<std::string, std::set<std::string>> expected = {
      {"linear", {}},
      {"vpt-shallow", {"prompt.0"}},
      {"vpt-deep", deep},
      {"gapt", {"prompt.0", "gate.logit", "attn.temp"}},
      {"gspc", deep},
      {"lpc", {}},
      {"lspt", {}},
      {"mlp",
       {"head.hidden.0.weight", "head.hidden.0.bias", "head.hidden.1.weight",
        "head.hidden.1.bias"}}};
  for (auto [method, own] : expected) {
    CAPTURE(method);
    if (method == "lpc" || method == "lspt") own = deep, own.insert(lstm.begin(), lstm.end());
    own.insert(head.begin(), head.end());
    Model model(golden::config(method));
    CHECK(names(model.trainable()) == own);
  }
  Model bias(golden::config("bias")), partial(golden::config("partial"));
  for (const Parameter* parameter : bias.trainable())
    CHECK((parameter->name.ends_with("bias") || parameter->name == "head.weight"));
  for (const Parameter* parameter : partial.trainable())
    CHECK((parameter->name.starts_with("blocks.2.") || parameter->name.starts_with("norm.") ||
           head.contains(parameter->name)));
  Model full(golden::config("full"));
  CHECK(names(full.trainable()) == names(full.parameters()));
  CHECK(full.parameters().size() == 4 + 3 * 12 + 2 + 2);
}

TEST_CASE("initial values depend on the seed and the name, not on the method") {
  Model lspt(golden::config("lspt")), deep(golden::config("vpt-deep"));
  ModelConfig other = golden::config("lspt");
  other.seed = 43;
  Model reseeded(other);
  for (const std::string name : {"prompt.2", "head.weight", "blocks.1.attn.qkv.weight"}) {
    CAPTURE(name);
    const Tensor value = find(lspt.parameters(), name).var.value;
    CHECK(golden::distance(value, find(deep.parameters(), name).var.value) == 0.0);
    CHECK(golden::distance(value, find(reseeded.parameters(), name).var.value) > 0.0);
  }
  const float bound = std::sqrt(6.0f / (3 * 8 * 8 + 32));
  const double most = golden::largest(find(lspt.parameters(), "prompt.0").var.value);
  CHECK(most <= bound);
  CHECK(most > 0.9 * bound);
  CHECK(find(lspt.parameters(), "head.bias").var.value.to_vector()[0] ==
        doctest::Approx(-4.59512).epsilon(1e-6));
}

TEST_CASE(
    "gate logits start at minus gate_init, and forget_bias and lstm_lr_mult act on the LSTM") {
  ModelConfig gapt = golden::config("gapt");
  gapt.method.prompt.gate_init = 7.0f;
  Model gated(gapt);
  CHECK(find(gated.parameters(), "gate.logit").var.value.to_vector() ==
        std::vector<float>{-7.0f, -7.0f});
  CHECK(find(gated.parameters(), "attn.temp").var.value.to_vector() ==
        std::vector<float>{1.0f, 1.0f, 1.0f});

  ModelConfig changed = golden::config("lspt");
  changed.method.prompt.forget_bias = 1.0f;
  changed.method.prompt.lstm_lr_mult = 0.1f;
  Model plain(golden::config("lspt")), model(changed);
  const auto before = find(plain.parameters(), "lspt.lstm.bias_ih").var.value.to_vector();
  const auto after = find(model.parameters(), "lspt.lstm.bias_ih").var.value.to_vector();
  for (size_t i = 0; i < before.size(); ++i)  // rows i, f, g, o of 32 each
    CHECK(after[i] == before[i] + (i / 32 == 1 ? 1.0f : 0.0f));
  CHECK(golden::distance(find(plain.parameters(), "lspt.lstm.bias_hh").var.value,
                         find(model.parameters(), "lspt.lstm.bias_hh").var.value) == 0.0);
  for (const Parameter* parameter : model.trainable())
    CHECK(parameter->lr_scale == (parameter->name.starts_with("lspt.lstm") ? 0.1f : 1.0f));
}

TEST_CASE("values loaded after use replace the old ones completely") {
  const NamedTensors all = golden::initial(golden::read("backbone"), golden::read("methods"));
  for (const std::string method : {"full", "linear", "lspt", "vpt-deep"}) {
    CAPTURE(method);
    Model loaded(golden::config(method)), built(golden::config(method), all);
    const Tensor images = golden::at(all, "images");
    const Tensor old = loaded.forward(images).value;
    NamedTensors values;
    for (const std::string& name : names(loaded.parameters())) values[name] = all.at(name);
    loaded.load(values);
    CHECK(golden::distance(old, built.forward(images).value) > 0.1);
    CHECK(golden::distance(loaded.forward(images).value, built.forward(images).value) == 0.0);
  }
}

TEST_CASE("evaluation after a training step sees the new values, also after one before it") {
  const Tensor images = golden::read("backbone").at("images");
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    const ModelConfig config = golden::config(method);
    Model model(config);
    const Tensor before = model.forward(images).value;
    Optimizer optimizer({}, model.trainable());
    {
      Tape tape;
      tape.backward(cross_entropy(model.forward(images), one_hot({3, 0, 2}, 5)));
    }
    optimizer.step(0.5f);
    NamedTensors values;
    for (const Parameter* parameter : model.parameters())
      values[parameter->name] =
          Tensor::from(parameter->var.value.to_vector(), parameter->var.shape());
    const Tensor after = model.forward(images).value;
    CHECK(golden::distance(after, before) > 0.0);
    CHECK(golden::distance(after, Model(config, values).forward(images).value) == 0.0);
  }
}

TEST_CASE("training leaves the values that a model was given alone") {
  const NamedTensors all = golden::initial(golden::read("backbone"), golden::read("methods"));
  const std::vector<float> before = all.at("prompt.0").to_vector();
  Model model(golden::config("lspt"), all);
  fill(find(model.parameters(), "prompt.0").var.value, 9.0f);
  CHECK(all.at("prompt.0").to_vector() == before);
}

TEST_CASE("patch tokens are what enters the blocks without prompts, whatever the method") {
  const NamedTensors start = golden::read("backbone");
  const Tensor images = golden::at(start, "images");
  Model deep(golden::config("vpt-deep"), start), linear(golden::config("linear"), start);
  const auto tokens_of = [&](const Model& model) {
    std::vector<Tensor> all;
    model.patch_tokens(images, [&](int block, const Tensor& rows) {
      CHECK(block == static_cast<int>(all.size()));
      all.push_back(rows);
    });
    return all;
  };
  const std::vector<Tensor> tokens = tokens_of(deep), same = tokens_of(linear);
  REQUIRE(tokens.size() == 3);
  const ViTConfig vit_config = golden::config("linear").vit;
  const ViT vit(
      vit_config, [](const std::string&) { return false; }, DType::f32,
      Initializer(1, Device::cpu, start));
  Var x = vit.embed(images);
  for (int l = 0; l < 3; ++l) {
    const Var rows = slice_tokens(x, 1, x.dim(1));
    CHECK(golden::distance(tokens[static_cast<size_t>(l)], rows.value) == 0.0);
    CHECK(golden::distance(same[static_cast<size_t>(l)], rows.value) == 0.0);
    x = vit.block(l, x);
  }
}

TEST_CASE("in bf16 every method stays near its f32 numbers") {
  const NamedTensors methods = golden::read("methods");
  for (const std::string& method : method_names())
    for (const Pool pool : {Pool::token, Pool::avg}) {
      const std::string name = method + (pool == Pool::avg ? ".avg" : "");
      CAPTURE(name);
      ModelConfig config = golden::config(method, 2, pool);
      config.dtype = DType::bf16;
      const NamedTensors start = golden::initial(golden::read("backbone"), methods, name);
      Model model(config, start);
      Tape tape;
      const Var logits = model.forward(golden::at(start, "images"));
      const Var loss = cross_entropy(logits, one_hot({3, 0, 2}, 5));
      tape.backward(loss);
      CHECK(golden::near(logits.value, methods.at(name + ".logits"), 0.05));
      CHECK(golden::near(loss.value, methods.at(name + ".loss"), 0.02));
      for (const Parameter* parameter : model.trainable()) {
        CAPTURE(parameter->name);
        CHECK(parameter->var.dtype() == DType::f32);
        if (!parameter->var.node->grad) continue;
        CHECK(parameter->var.node->grad.dtype() == DType::f32);
        // A ReLU near zero may be on in one and off in the other.
        const bool relu = method == "mlp" || method == "adapter";
        CHECK(golden::near(parameter->var.node->grad, methods.at(name + ".grad." + parameter->name),
                           relu ? 0.2 : 0.1));
      }
    }
}

TEST_CASE("a model refuses unknown methods, sizes, names and shapes") {
  CHECK(kind_of_error([] { method_config("lsptt", 5); }) == ErrorKind::kUsage);
  CHECK(kind_of_error([] { method_config("lspt", 0); }) == ErrorKind::kUsage);
  CHECK(kind_of_error([] { method_config("lspt", -1); }) == ErrorKind::kUsage);
  for (const std::string name : {"vit_huge_patch16_224", "vit_base_patch15_224", "vit_base_patch16",
                                 "vit_base_patch16_224x", "resnet50", ""}) {
    CAPTURE(name);
    CHECK(kind_of_error([&] { vit_config(name); }) == ErrorKind::kUsage);
  }
  CHECK(kind_of_error([] { vit_config("vit_base_patch16_224", 225); }) == ErrorKind::kUsage);
  CHECK(vit_config("vit_base_patch16_224", 384).num_patches() == 576);
  CHECK(kind_of_error([] {
          ModelConfig config = golden::config("lspt");
          config.num_classes = 0;
          Model model(config);
        }) == ErrorKind::kUsage);

  Model model(golden::config("lspt"));
  CHECK(kind_of_error([&] {
          model.load({{"prompt.3", Tensor::zeros({5, 32})}});
        }) == ErrorKind::kWeights);
  CHECK(kind_of_error([&] {
          model.load({{"prompt.2", Tensor::zeros({4, 32})}});
        }) == ErrorKind::kWeights);
  CHECK(kind_of_error([] {
          Model wrong(golden::config("lspt"), {{"norm.bias", Tensor::zeros({31})}});
        }) == ErrorKind::kWeights);
  CHECK_THROWS_AS(model.forward(Tensor::zeros({2, 3, 32, 40})), Error);
}
