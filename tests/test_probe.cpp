// What a look inside a forward pass shows, against PyTorch (tests/golden/make_probe.py).
#include <functional>

#include "models/probe.h"
#include "tests/errors.h"
#include "tests/golden.h"
#include "tests/gpu.h"

using namespace lspt;

namespace {

struct ProbeCase {
  std::string name, method;
  int depth = 3;
  Pool pool = Pool::token;
  std::function<void(PromptConfig&)> change = [](PromptConfig&) {};
};

/// As in tests/golden/make_probe.py.
std::vector<ProbeCase> probe_cases() {
  using C = PromptConfig;
  return {{"linear", "linear", 2},
          {"linear.avg", "linear", 2, Pool::avg},
          {"vpt-shallow.depth3", "vpt-shallow"},
          {"vpt-deep.depth3", "vpt-deep"},
          {"vpt-deep.avg", "vpt-deep", 2, Pool::avg},
          {"gapt.clamped", "gapt"},
          {"gspc.depth3", "gspc"},
          {"lspt.depth3", "lspt"},
          {"lspt.avg", "lspt", 2, Pool::avg},
          {"lspt.narrow-own-cells", "lspt", 3, Pool::avg,
           [](C& c) { c.lstm_hidden = 8, c.lstm_share = false; }},
          {"lspt.first", "lspt", 3, Pool::token, [](C& c) { c.new_prompts = NewPrompts::first; }},
          {"lspt.mean-in-ln-cls", "lspt", 3, Pool::avg,
           [](C& c) { c.mean_in = c.mean_ln = c.mean_cls = true; }}};
}

/// Rows that are the same for all images, for each of `batch`.
Tensor for_each_image(const Tensor& rows, int64_t batch) {
  if (rows.rank() == 3) return rows;
  const Tensor out({batch, rows.dim(0), rows.dim(1)});
  for (int64_t b = 0; b < batch; ++b) copy(out.slice(b, b + 1).reshape(rows.shape()), rows);
  return out;
}

void check_probe(Device device) {
  const NamedTensors backbone = golden::read("backbone"), methods = golden::read("methods"),
                     wanted = golden::read("probe");
  const Tensor& images = golden::at(backbone, "images");
  size_t compared = 0;
  for (const ProbeCase& c : probe_cases()) {
    CAPTURE(c.name);
    ModelConfig config = golden::config(c.method, c.depth, c.pool);
    config.device = device;
    c.change(config.method.prompt);
    const Model model(config, golden::initial(backbone, methods, c.name));
    const auto check = [&](const char* what, int l, const Tensor& found) {
      const std::string name = c.name + "." + what + "." + std::to_string(l);
      CAPTURE(name);
      CHECK(found.shape() == golden::at(wanted, name).shape());
      CHECK(golden::near(found, golden::at(wanted, name), 1e-5));
      ++compared;
    };
    for (int l = 0; l < c.depth; ++l) {
      Probe probe{.values = l == 0, .attention_block = l};
      model.look(images, probe);
      check("attention", l, probe.attention);
      const std::vector<float> p = probe.attention.to_vector();
      const auto keys = static_cast<size_t>(probe.attention.cols());
      for (size_t row = 0; row < p.size(); row += keys) {
        double sum = 0;
        for (size_t i = row; i < row + keys; ++i) sum += static_cast<double>(p[i]);
        CHECK(sum == doctest::Approx(1).epsilon(1e-5));
      }
      if (l > 0) {
        CHECK(probe.entering.empty());
        CHECK(probe.gates.empty());
        continue;
      }
      CHECK(probe.entering.size() == (c.method == "linear" ? 0u : static_cast<size_t>(c.depth)));
      for (size_t b = 0; b < probe.entering.size(); ++b)
        check("entering", static_cast<int>(b), for_each_image(probe.entering[b], images.dim(0)));
      CHECK(probe.gates.size() == (c.method == "lspt" ? static_cast<size_t>(c.depth - 1) : 0u));
      for (size_t b = 0; b < probe.gates.size(); ++b)
        check("gates", static_cast<int>(b), probe.gates[b]);
    }
  }
  CHECK(compared == wanted.size());
}

}  // namespace

TEST_CASE("a probe shows attention, prompts and gates as PyTorch computes them") {
  check_probe(Device::cpu);
}

TEST_CASE("a probe shows the same on the GPU" * test::needs_gpu()) { check_probe(Device::cuda); }

TEST_CASE("a look changes nothing, and there is none at a block that is not there") {
  const NamedTensors backbone = golden::read("backbone"), methods = golden::read("methods");
  const Tensor& images = golden::at(backbone, "images");
  for (const std::string& method : method_names()) {
    CAPTURE(method);
    const Model model(golden::config(method),
                      golden::initial(backbone, methods, method + ".depth3"));
    const std::vector<float> before = model.features(images).value.to_vector();
    Probe probe{.values = true, .attention_block = 2};
    model.look(images, probe);
    CHECK(model.features(images).value.to_vector() == before);
    Probe wrong{.attention_block = 3};
    CHECK(error_of([&] { model.look(images, wrong); }) ==
          "2: block 3 of a model with blocks 0 to 2");
  }
}
