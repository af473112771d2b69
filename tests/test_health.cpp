// What is said when training goes wrong, and that nothing is said when it goes well.
#include <doctest/doctest.h>

#include "ops/cross_entropy.h"
#include "tests/golden.h"
#include "tests/weights_fixture.h"
#include "train/health.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

constexpr HealthSettings kTen = {.classes = 10,
                                 .epochs = 9,
                                 .warmup_epochs = 1,
                                 .chance = 10,
                                 .train_images = 270,
                                 .eval_images = 30};

EpochRow row(int64_t epoch, double loss, double train, double eval) {
  EpochRow out;
  out.epoch = epoch;
  out.train_loss = loss;
  out.train_top1 = train;
  out.eval_top1 = eval;
  return out;
}

}  // namespace

TEST_CASE("a first loss far above ln K is said once, and what to try") {
  std::vector<std::string> said;
  Health health(said, kTen);
  CHECK(health.first_loss(2.303) == "");
  CHECK(health.first_loss(3.9) == "");
  CHECK(contains(health.first_loss(25), "guessing gives ln 10 = 2.3"));
  CHECK(health.first_loss(25) == "");
  CHECK(said == std::vector<std::string>{"first-loss"});
  HealthSettings later = kTen;
  later.fresh = false;
  std::vector<std::string> none;
  CHECK(Health(none, later).first_loss(25) == "");
}

TEST_CASE(
    "a head of zeros starts at ln K whatever the features are, VPT's far off where they are "
    "large") {
  const NamedTensors backbone = golden::read("backbone");
  const Tensor images = golden::at(backbone, "images");
  for (const std::string& method : method_names())
    for (const HeadInit init : {HeadInit::zero, HeadInit::vpt}) {
      CAPTURE(method);
      ModelConfig config = golden::config(method, 3, Pool::token);
      config.head_init = init;
      NamedTensors values = backbone;
      values["norm.weight"] = Tensor({config.vit.embed_dim});
      fill(values["norm.weight"], 30);
      Model model(config, values);
      const double loss =
          cross_entropy(model.forward(images), one_hot({3, 0, 2}, 5)).value.to_vector()[0];
      std::vector<std::string> said;
      HealthSettings settings = kTen;
      settings.classes = 5;
      CHECK((Health(said, settings).first_loss(loss) == "") == (init == HeadInit::zero));
      if (init == HeadInit::zero) CHECK(loss == doctest::Approx(std::log(5.0)));
    }
}

TEST_CASE("a loss above guessing after the warm-up, and accuracy at chance, are said") {
  std::vector<std::string> said;
  Health health(said, kTen);
  std::vector<EpochRow> rows = {row(1, 30, 10, 10)};
  CHECK(health.epoch(rows) == "");  // the warm-up
  rows.push_back(row(2, 30, 12, 10));
  CHECK(health.epoch(rows) == "");  // once may be chance
  rows.push_back(row(3, 30, 12, 10));
  CHECK(contains(health.epoch(rows), "worse than guessing (ln 10 = 2.3"));
  rows.push_back(row(4, 2.2, 11, 13.3));
  CHECK(contains(health.epoch(rows), "after 4 of 9 epochs: nothing is being learned"));
  rows.push_back(row(5, 2.2, 11, 13.3));
  CHECK(health.epoch(rows) == "");
  CHECK(said == std::vector<std::string>{"loss", "chance"});
  CHECK(contains(health.failed(rows), "no better than guessing"));
  rows.push_back(row(6, 2.5, 40, 30));
  CHECK(contains(health.failed(rows), "worse than guessing"));
  rows.push_back(row(7, 1.5, 40, 30));
  CHECK(health.failed(rows) == "");
}

TEST_CASE("a run that goes well is left alone, and so is one whose images cannot tell") {
  std::vector<std::string> said;
  Health health(said, kTen);
  std::vector<EpochRow> rows;
  for (int64_t epoch = 1; epoch <= 9; ++epoch) {
    rows.push_back(
        row(epoch, 2.3 / static_cast<double>(epoch), 8.0 * static_cast<double>(epoch + 1), 40));
    CHECK(health.epoch(rows) == "");
  }
  CHECK(health.failed(rows) == "");
  Health few(said, {.classes = 3, .epochs = 3, .chance = 40, .train_images = 5, .eval_images = 3});
  rows = {row(1, 1, 40, 33), row(2, 1, 40, 33), row(3, 1, 40, 33)};
  CHECK(few.epoch(rows) == "");
  CHECK(few.failed(rows) == "");
  CHECK(said.empty());
}

TEST_CASE("gradients that explode are said") {
  std::vector<std::string> said;
  Health health(said, kTen);
  for (int step = 0; step < 40; ++step) CHECK(health.gradient(1 + step % 7, 1) == "");
  CHECK(health.gradient(90, 2) == "");
  CHECK(contains(health.gradient(1000, 2), "is 1e+03 in epoch 2, 250 times its median"));
  CHECK(health.gradient(NAN, 3) == "");
  CHECK(said == std::vector<std::string>{"gradients"});
}

TEST_CASE("the LSTM's gates are looked into, and said to be saturated when they are") {
  const ModelConfig config = golden::config("lspt", 3, Pool::token);
  const auto h = static_cast<int64_t>(config.vit.embed_dim);
  for (const float bias : {0.0f, 9.0f}) {
    CAPTURE(bias);
    NamedTensors values = {{"lspt.lstm.weight_ih", Tensor::zeros({4 * h, h})},
                           {"lspt.lstm.weight_hh", Tensor::zeros({4 * h, h})},
                           {"lspt.lstm.bias_ih", Tensor::zeros({4 * h})},
                           {"lspt.lstm.bias_hh", Tensor::zeros({4 * h})}};
    fill(values["lspt.lstm.bias_hh"].slice(h, 2 * h), bias);  // the forget gate
    const Model model(config, values);
    const PromptTrace trace = model.trace(golden::at(golden::read("backbone"), "images"));
    REQUIRE(trace.blocks.size() == 2);
    for (const PromptTrace::Block& block : trace.blocks) {
      CHECK(block.entering > 0);
      CHECK(block.leaving > 0);
      CHECK(block.mean > 0);
      CHECK(block.hidden == 0);  // the cell gate is tanh(0)
      CHECK(block.gates[0] == doctest::Approx(0.5));
      CHECK(block.gates[1] == doctest::Approx(1 / (1 + std::exp(-bias))));
      CHECK(block.saturated[1] == doctest::Approx(bias > 0 ? 1 : 0));
      CHECK(block.saturated[0] == 0);
    }
    std::vector<std::string> said;
    const std::string text = Health(said, kTen).gates(trace);
    CHECK((text == "") == (bias == 0));
    if (bias > 0) CHECK(contains(text, "100 % of the LSTM's forget gates"));
  }
}

TEST_CASE("what is traced is what the forward pass makes") {
  const ModelConfig config = golden::config("lspt", 3, Pool::token);
  const NamedTensors backbone = golden::read("backbone");
  const Model model(config, backbone);
  const PromptTrace trace = model.trace(golden::at(backbone, "images"));
  REQUIRE(trace.blocks.size() == 2);
  for (const PromptTrace::Block& block : trace.blocks) {
    // |H| <= |tanh C| <= |C|, and gates of a fresh LSTM are in the middle.
    CHECK(block.hidden > 0);
    CHECK(block.hidden < block.memory);
    for (const size_t gate : {0, 1, 3}) CHECK(std::abs(block.gates[gate] - 0.5) < 0.2);
  }
  ModelConfig deep = golden::config("vpt-deep", 3, Pool::token);
  CHECK(Model(deep, backbone).trace(golden::at(backbone, "images")).blocks.empty());
}
