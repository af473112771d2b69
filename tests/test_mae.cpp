// The masked autoencoder: against PyTorch, its masks, its positions.
#include <set>

#include "models/mae.h"
#include "tests/golden.h"
#include "tests/gpu.h"

using namespace lspt;

namespace {

struct MaeGolden {
  NamedTensors backbone = golden::read("backbone"), mae = golden::read("mae");

  /// The encoder's values without its positions, which are MAE's own.
  NamedTensors initial() const {
    NamedTensors values = golden::initial(backbone, mae);
    values.erase("pos_embed");
    return values;
  }
  const Tensor& operator()(const std::string& name) const { return golden::at(mae, name); }
  const Tensor& images() const { return golden::at(backbone, "images"); }
};

const MaeGolden& mae_fixture() {
  static const MaeGolden fixture;
  return fixture;
}

MaeConfig small_mae(Device device = Device::cpu) {
  MaeConfig config;
  config.vit = {.name = "golden",
                .img_size = 32,
                .patch_size = 8,
                .embed_dim = 32,
                .depth = 2,
                .num_heads = 4};
  config.decoder_dim = 24;
  config.decoder_depth = 2;
  config.decoder_heads = 3;
  config.device = device;
  return config;
}

void check_mae(Device device) {
  const MaeGolden& want = mae_fixture();
  Mae mae(small_mae(device), want.initial());
  CHECK(golden::near(mae.predict(want.images(), want("order")).value, want("prediction")));
  Tape tape;
  const Var loss = mae.loss(want.images(), want("order"));
  CHECK(golden::near(loss.value, want("norm_pix.loss")));
  tape.backward(loss);
  std::set<std::string> trained, expected;
  const std::string prefix = "norm_pix.grad.";
  for (const auto& [key, tensor] : want.mae)
    if (key.starts_with(prefix)) expected.insert(key.substr(prefix.size()));
  for (const Parameter* parameter : mae.trainable()) {
    CAPTURE(parameter->name);
    trained.insert(parameter->name);
    CHECK(golden::near(parameter->var.node->grad, want(prefix + parameter->name)));
  }
  CHECK(trained == expected);
}

}  // namespace

TEST_CASE("loss, prediction and every gradient of a masked autoencoder are PyTorch's") {
  check_mae(Device::cpu);
}

TEST_CASE("loss, prediction and every gradient of a masked autoencoder are PyTorch's on the GPU" *
          test::needs_gpu()) {
  check_mae(Device::cuda);
}

TEST_CASE("without norm_pix the masked autoencoder draws the pixels themselves") {
  const MaeGolden& want = mae_fixture();
  MaeConfig config = small_mae();
  config.norm_pix = false;
  CHECK(golden::near(Mae(config, want.initial()).loss(want.images(), want("order")).value,
                     want("pixels.loss")));
}

TEST_CASE("fixed positions are MAE's sines and cosines") {
  CHECK(golden::distance(sincos_positions(32, 4).reshape({1, 17, 32}),
                         mae_fixture()("positions")) <= 1e-6);
  CHECK_THROWS_AS(sincos_positions(30, 4), Error);
}

TEST_CASE("a random order has every patch once and depends on seed, epoch and image alone") {
  const Tensor order = random_order({7, 3}, 64, 1, 2);
  const std::vector<float> one = random_order({3}, 64, 1, 2).to_vector();
  const std::vector<float> all = order.to_vector();
  CHECK(std::vector<float>(all.begin() + 64, all.end()) == one);
  CHECK(std::set<float>(one.begin(), one.end()).size() == 64);
  CHECK(*std::max_element(one.begin(), one.end()) == 63);
  CHECK(random_order({3}, 64, 1, 3).to_vector() != one);
  CHECK(random_order({3}, 64, 2, 2).to_vector() != one);
  CHECK(std::vector<float>(all.begin(), all.begin() + 64) != one);
}

TEST_CASE("over many images every patch is visible a quarter of the time") {
  std::vector<int64_t> images(4000);
  for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<int64_t>(i);
  const Tensor order = random_order(images, 16, 42, 0);
  std::vector<int> seen(16);
  for (int64_t image = 0; image < 4000; ++image)
    for (int64_t i = 0; i < 4; ++i)
      ++seen[static_cast<size_t>(order.data<float>()[image * 16 + i])];
  for (const int count : seen) CHECK(std::abs(count - 1000) < 120);  // 4.4 standard deviations
}

TEST_CASE("an impossible masked autoencoder is refused with what is wrong") {
  MaeConfig config = small_mae();
  config.mask_ratio = 0.99;
  CHECK_THROWS_WITH_AS(Mae{config}, doctest::Contains("leaves 0 of 16 patches"), Error);
  config = small_mae();
  config.decoder_heads = 5;
  CHECK_THROWS_WITH_AS(Mae{config}, doctest::Contains("width 24 cannot have 5 heads"), Error);
}

TEST_CASE("a decoder is scaled to its encoder, and MAE's own for ViT-B") {
  MaeConfig config;
  scale_decoder(config);
  CHECK(config.decoder_dim == 512);
  CHECK(config.decoder_depth == 8);
  CHECK(config.decoder_heads == 16);
  config.vit = vit_config("vit_tiny_patch8_64");
  scale_decoder(config);
  CHECK(config.decoder_dim == 128);
  CHECK(config.decoder_heads == 4);
}
