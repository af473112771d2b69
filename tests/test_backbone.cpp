// A real backbone, where there is one: what the head reads is what timm's model gives.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "models/model.h"
#include "models/weights/load.h"
#include "tests/golden.h"

using namespace lspt;

namespace {

/// Two images that tests/golden/make_families.py draws, too.
Tensor pattern(int64_t side) {
  Tensor images({2, 3, side, side});
  float* value = images.data<float>();
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t y = 0; y < side; ++y)
        for (int64_t x = 0; x < side; ++x)
          *value++ =
              static_cast<float>((7 * x * (b + 1) + 5 * y * (c + 1) + x * y) % 257 - 128) / 64;
  return images;
}

}  // namespace

TEST_CASE("a pretrained ViT-S/14 has timm's class rows, and means, at 112 and 224 pixels") {
  const char* shared = std::getenv("LSPT_SHARED_DATA");
  const std::string path =
      (shared ? std::string(shared) : "") + "/backbones/vit_small_patch14_focus_f16.safetensors";
  if (!shared || !std::filesystem::exists(path)) {
    MESSAGE("not compared: LSPT_SHARED_DATA names no folder with backbones/");
    return;
  }
  const NamedTensors expected = golden::read("families");
  for (const int size : {112, 224})
    for (const Resample how : {Resample::antialiased, Resample::offset}) {
      ModelConfig config;
      config.vit = vit_config("vit_small_patch14_224", size);
      config.method = method_config("linear", 0);
      config.num_classes = 1;
      config.fc_norm = false;  // as DINOv2 takes means
      const LoadedBackbone loaded = load_backbone(path, backbone_shapes(config.vit), how);
      CHECK(loaded.family == Family::dinov2);
      for (const auto& [pool, rows] :
           {std::pair{Pool::token, ".class"}, std::pair{Pool::patches, ".mean"}}) {
        config.pool = pool;
        const std::string name =
            "backbone." + std::to_string(size) + "." + lspt::name_of(how) + rows;
        CAPTURE(name);
        const Tensor found = Model(config, loaded.values).features(pattern(size)).value;
        CHECK(golden::distance(found, golden::at(expected, name)) < 1e-3);
      }
    }
}
