#include <doctest/doctest.h>

#include <sstream>

#include "engine/text.h"
#include "models/model.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/describe.h"
#include "tests/tiny_vit.h"
#include "tests/weights_fixture.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

/// What the head reads of the fixture's images.
Tensor features_of(const std::string& name, Pool pool, bool fc_norm) {
  ModelConfig config;
  config.vit.img_size = 6;
  config.vit.patch_size = config.vit.depth = config.vit.num_heads = 2;
  config.vit.embed_dim = 4;
  config.method = method_config("linear", 0);
  config.num_classes = 5;
  config.pool = pool;
  config.fc_norm = fc_norm;
  const LoadedBackbone loaded = load_backbone(kGolden + name, backbone_shapes(config.vit));
  const WeightFile expected = WeightFile::open(kGolden + "supervised_expected.safetensors");
  return Model(config, loaded.values).features(expected.load("image")).value;
}

NameMap map_of(const std::string& path, std::optional<Family> told = {}) {
  static std::vector<WeightFile> kept;  // maps point into them
  kept.push_back(WeightFile::open(path));
  return map_names(kept.back(), told);
}

/// timm's file in a folder of a hub, beside a config.
std::string in_hub(const TempFolder& folder, const std::string& config_name,
                   const std::string& config, const std::string& source = "timm.safetensors") {
  write_file(folder / config_name, config);
  write_file(folder / "model.safetensors", read_file(kGolden + source));
  return folder / "model.safetensors";
}

std::string timm_config(const std::string& model, const std::string& tag, const std::string& mean,
                        const std::string& std) {
  return R"({"architecture": ")" + model + R"(", "pretrained_cfg": {"tag": ")" + tag +
         R"(", "mean": [)" + mean + R"(], "std": [)" + std + "]}}";
}

/// The timm fixture's tensors under other names, or without some.
template <typename Rename>
std::string renamed(const TempFolder& folder, const Rename& rename) {
  const WeightFile file = WeightFile::open(kGolden + "timm.safetensors");
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const StoredTensor& tensor : file.tensors())
    if (const std::string name = rename(tensor.name); !name.empty())
      tensors.emplace_back(name, file.load(tensor));
  write_safetensors(folder / "renamed", tensors);
  return folder / "renamed";
}

}  // namespace

TEST_CASE(
    "supervised ViTs are what timm makes of them: DeiT III, means before and after the norm") {
  const WeightFile expected = WeightFile::open(kGolden + "supervised_expected.safetensors");
  const auto close = [&](const char* file, Pool pool, bool fc_norm, const char* wanted) {
    CAPTURE(wanted);
    CHECK(difference(features_of(file, pool, fc_norm), expected.load(wanted)) < 1e-5);
  };
  close("deit.pth", Pool::token, true, "token");
  close("deit3.pth", Pool::token, true, "deit3");
  close("timm_avg.safetensors", Pool::patches, true, "norm_of_mean");
  close("mae_finetuned.pth", Pool::patches, true, "norm_of_mean");
  close("timm.safetensors", Pool::patches, false, "mean_of_norm");
}

TEST_CASE("a family decides on pixel constants, and what was only assumed is said") {
  const struct {
    const char *file, *family, *normalization;
    bool assumed;
  } cases[] = {{"deit.pth", "deit", "imagenet", false},
               {"deit3.pth", "deit", "imagenet", false},
               {"mae_finetuned.pth", "mae", "imagenet", false},
               {"timm.safetensors", "timm", "half", true},
               {"timm_avg.safetensors", "timm", "half", true},
               {"dino.pth", "dino", "imagenet", true},
               {"dino_full.pth", "dino", "imagenet", false},
               {"mae_pretrain.pth", "mae", "imagenet", false},
               {"moco_linear.pth.tar", "moco_v3", "imagenet", false},
               {"dinov2.pth", "dinov2", "imagenet", false},
               {"google.npz", "google", "half", false},
               {"hf_vit.safetensors", "hf_vit", "half", true}};
  for (const auto& c : cases) {
    CAPTURE(c.file);
    const NameMap map = map_of(kGolden + c.file);
    CHECK(std::string(key_of(map.family)) == c.family);
    CHECK(map.normalization == c.normalization);
    CHECK(map.assumed.empty() != c.assumed);
    CHECK(listed(map.notes, std::string("with pixel constants '") + c.normalization) == c.assumed);
  }
  const std::map<std::string, std::string> none;
  FamilyClues clues{.metadata = none};
  clues.classes = 21843;
  CHECK(guess_family(clues).assumed == "");
  clues.classes = 1000;
  CHECK(contains(guess_family(clues).assumed, "DeiT's have the same tensors"));
  clues.hugging_face = clues.pooler = true;
  CHECK(guess_family(clues).assumed == "");
}

TEST_CASE("a hub's config settles family and constants; another one's is nobody's business") {
  const std::string imagenet = "0.485, 0.456, 0.406", deviation = "0.229, 0.224, 0.225";
  const TempFolder deit, half, processor, clip, own;
  NameMap map = map_of(in_hub(
      deit, "config.json", timm_config("deit_tiny_patch16_224", "fb_in1k", imagenet, deviation)));
  CHECK(map.family == Family::deit);
  CHECK(map.normalization == "imagenet");
  CHECK(map.assumed == "");
  map = map_of(
      in_hub(half, "config.json",
             timm_config("vit_tiny_patch16_224", "augreg_in21k", "0.5, 0.5, 0.5", "0.5, 0.5, 0.5"),
             "timm.safetensors"));
  CHECK(map.family == Family::timm);
  CHECK(map.assumed == "");
  map = map_of(in_hub(processor, "preprocessor_config.json",
                      R"({"image_mean": [)" + imagenet + R"(], "image_std": [)" + deviation + "]}",
                      "hf_vit.safetensors"));
  CHECK(map.family == Family::hf_vit);
  CHECK(map.normalization == "imagenet");
  map = map_of(in_hub(clip, "config.json", timm_config("x", "", "0.48, 0.4578, 0.4", "1, 1, 1")));
  CHECK(map.normalization == "mean 0.48 0.4578 0.4, deviation 1 1 1");
  Options options;
  CHECK(contains(error_of([&] {
                   resolve(options,
                           WeightsHint{.family = map.family, .normalization = map.normalization});
                 }),
                 "2: --normalization: the weights' config says mean 0.48"));
  // A run folder has a config.json, too.
  map = map_of(in_hub(own, "config.json", R"({"data": "birds"})"));
  CHECK(map.family == Family::timm);
  CHECK(map.assumed != "");
  for (const char* broken : {"[1]", "{", R"({"pretrained_cfg": 3})",
                             R"({"pretrained_cfg": {"mean": [1, 2], "std": "x"}})"})
    CHECK(map_of(in_hub(own, "config.json", broken)).normalization == "half");
}

TEST_CASE("--family settles it, and is refused where the names are another's") {
  const std::string timm = kGolden + "timm.safetensors";
  const NameMap told = map_of(timm, Family::deit);
  CHECK(told.family == Family::deit);
  CHECK(told.normalization == "imagenet");
  CHECK(told.assumed == "");
  CHECK(contains(error_of([&] { map_of(timm, Family::hf_vit); }),
                 "2: --family hf_vit: " + timm + " has timm's names"));
  CHECK(contains(error_of([&] { map_of(kGolden + "hf_vit.safetensors", Family::mae); }),
                 "Hugging Face's names"));
  CHECK(
      contains(error_of([&] { map_of(kGolden + "google.npz", Family::timm); }), "Google's names"));
  CHECK(contains(error_of([] { family_of("clip"); }), "timm, deit, mae, moco_v3"));
  int choices = 0;  // of the flag: all are families
  std::istringstream values(find_flag("family", kTrain)->value);
  for (std::string value; std::getline(values, value, '|'); ++choices)
    if (value != "auto") family_of(value);
  CHECK(choices == 10);
  CHECK(family_of_model("vit_small_patch16_224.dino") == Family::dino);
  CHECK(family_of_model("vit_base_patch14_dinov2.lvd142m") == Family::dinov2);
  CHECK(family_of_model("deit3_base_patch16_224.fb_in22k_ft_in1k") == Family::deit);
  CHECK(family_of_model("vit_base_patch16_224.augreg_in21k") == Family::timm);
  CHECK_FALSE(family_of_model("vit_base_patch16_224"));
  Options options;
  options.model = "vit_base_patch16_224.mae";
  CHECK(weights_settings(options).family == Family::mae);
  options.family = "dino";
  CHECK(weights_settings(options).family == Family::dino);
}

TEST_CASE("converting keeps what the family and the mean were") {
  const TempFolder folder;
  convert(kGolden + "timm_avg.safetensors", folder / "a.safetensors", Element::f32, Family::deit);
  const NameMap map = map_of(folder / "a.safetensors");
  CHECK(map.family == Family::deit);
  CHECK(map.normalization == "imagenet");
  CHECK(map.fc_norm);
  CHECK(map.assumed == "");
  convert(kGolden + "timm_avg.safetensors", folder / "b.pth", Element::f32, Family::deit);
  CHECK(map_of(folder / "b.pth").fc_norm);
  CHECK_FALSE(map_of(kGolden + "timm.safetensors").fc_norm);
}

TEST_CASE("--model follows from the weights where it is not given, timm's names are understood") {
  CHECK(vit_config("vit_base_patch14_dinov2.lvd142m").img_size == 518);
  CHECK(vit_config("vit_base_patch14_dinov2", 224).img_size == 224);
  CHECK(vit_config("deit3_small_patch16_384.fb_in1k").name == "vit_small_patch16_384");
  CHECK(vit_config("deit_tiny_patch16_224").embed_dim == 192);
  CHECK(vit_config("vit_base_patch16_224.mae").name == "vit_base_patch16_224");
  CHECK(vit_config("vit_small_patch4_32").num_patches() == 64);
  const ViTConfig sized = vit_config("vit_96x5x3_patch7_28");
  CHECK((sized.embed_dim == 96 && sized.depth == 5 && sized.num_heads == 3 && sized.grid() == 4));
  CHECK(model_name(sized) == "vit_96x5x3_patch7_28");
  CHECK(model_name(vit_config("vit_192x12x3_patch8_64")) == "vit_tiny_patch8_64");
  CHECK(contains(error_of([] { vit_config("vit_96x5x5_patch7_28"); }), "width 96 of 5 heads"));
  CHECK(
      contains(error_of([] { vit_config("vit_96x5x3_patch7_30"); }), "not a multiple of patch 7"));
  CHECK(contains(error_of([] { vit_config("vit_96x5_patch7_28"); }), "is unknown"));
  CHECK(contains(error_of([] { vit_config("vit_96x5x3x2_patch7_28"); }), "is unknown"));
  CHECK(contains(error_of([] { vit_config("deit_base_distilled_patch16_224"); }), "is unknown"));
  CHECK(contains(error_of([] { vit_config("vit_small_patch14_reg4_dinov2"); }), "is unknown"));

  const TempFolder folder;
  const ViTConfig small = vit_config("vit_tiny_patch16_224", 48);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, shape] : backbone_shapes(small)) {
    tensors.emplace_back(name, Tensor(shape));
    fill(tensors.back().second, 0);
  }
  write_safetensors(folder / "w", tensors, {{"family", "dino"}});
  Options options;
  options.weights = folder / "w";
  settle_model(options);
  CHECK(options.model == "vit_tiny_patch16_48");
  options.given.insert("model");
  options.model = "vit_base_patch16_224";
  settle_model(options);
  CHECK(options.model == "vit_base_patch16_224");
  Options odd;
  odd.weights = kGolden + "timm.safetensors";
  CHECK(
      contains(error_of([&] { settle_model(odd); }), "how many heads that has is not in the file"));
}

TEST_CASE("a ViT of another kind is refused in its own words") {
  const TempFolder folder;
  const auto trouble = [&](const std::string& from, const std::string& to) {
    return error_of([&] {
      map_of(renamed(folder, [&](std::string name) {
        const size_t at = name.find(from);
        return at == name.npos ? name : to.empty() ? "" : name.replace(at, from.size(), to);
      }));
    });
  };
  CHECK(contains(trouble("head.weight", "reg_token"), "reg_token is register tokens"));
  CHECK(contains(trouble("head.weight", "attn_pool.latent"), "in place of a class token (SigLIP)"));
  CHECK(contains(trouble("head.weight", "rope.periods"), "rotary position embeddings"));
  CHECK(
      contains(trouble("blocks.0.attn.qkv.bias", ""), "without a bias (blocks.0.attn.qkv.weight"));
  CHECK(contains(trouble("blocks.0.attn.qkv.bias", "blocks.0.attn.q_bias"), "(BEiT)"));
  CHECK(contains(trouble("cls_token", ""), "a ViT without class token"));
  CHECK(contains(trouble("head.weight", "blocks.0.attn.q_norm.weight"), "a norm of queries"));
  CHECK(contains(trouble("head.weight", "fc_norm.weight"), "norm.weight twice"));
}

TEST_CASE("names from files are printed without control characters") {
  CHECK(printable("a\tb\n\x1b[2J\x7f\xc2\x9b"
                  "c \xc3\xa4") == "a\tb\n\\x1b[2J\\x7f\\x9bc \xc3\xa4");
  const TempFolder folder;
  const std::string path = renamed(folder, [](const std::string& name) {
    return name == "head.weight" ? "blocks.0.\x1b[31mevil" : name;
  });
  CHECK(contains(error_of([&] { map_of(path); }), "blocks.0.\\x1b[31mevil is a part"));
  // A file whose patches are not square and whose width is nobody's is described all the same.
  const ViTGuess odd = guess_vit({{"patch_embed.proj.weight", {320, 3, 16, 8}}});
  CHECK(odd.text() == "ViT (320 wide, 0 blocks, patches that are not square, no square of them)");
}
