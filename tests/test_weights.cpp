#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/weights/containers/encode.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/describe.h"
#include "models/weights/pos_embed.h"
#include "tests/tiny_vit.h"
#include "tests/weights_fixture.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

/// The fixture's tensors, changed by `edit`, as a file in `folder`.
template <typename Edit>
std::string edited(const TempFolder& folder, const Edit& edit,
                   const std::map<std::string, std::string>& metadata = {}) {
  const WeightFile file = WeightFile::open(kGolden + "timm.safetensors");
  std::map<std::string, Tensor> tensors;
  for (const StoredTensor& tensor : file.tensors()) tensors[tensor.name] = file.load(tensor);
  edit(tensors);
  write_safetensors(folder / "edited.safetensors", {tensors.begin(), tensors.end()}, metadata);
  return folder / "edited.safetensors";
}

}  // namespace

TEST_CASE("every family's file gives PyTorch's values under timm's names") {
  const struct {
    const char* name;
    Family family;
    const char* pos;   // which position embeddings the fixture has
    size_t unused;     // tensors that are not the backbone's
    double tolerance;  // half-precision files round
  } cases[] = {{"timm.safetensors", Family::timm, "pos_embed", 2, 0},
               {"timm.pth", Family::timm, "pos_embed", 2, 0},
               {"legacy_timm.pth", Family::timm, "pos_embed", 2, 0},
               {"google.npz", Family::google, "pos_embed", 4, 0},
               {"google_opt.npz", Family::google, "pos_embed", 5, 0},
               {"google_params.npz", Family::google, "pos_embed", 4, 0},
               {"timm_half.pth", Family::dino, "pos_embed", 0, 4e-3},
               {"mae_pretrain.pth", Family::mae, "mae.pos_embed", 0, 0},
               {"mae_visualize.pth", Family::mae, "mae.pos_embed", 4, 0},
               {"moco_linear.pth.tar", Family::moco_v3, "moco_v3.pos_embed", 2, 0},
               {"moco_pretrain.pth.tar", Family::moco_v3, "moco_v3.pos_embed", 34, 0},
               {"dino.pth", Family::dino, "pos_embed", 0, 0},
               {"dino_full.pth", Family::dino, "pos_embed", 2, 0},
               {"hf_vit.safetensors", Family::hf_vit, "pos_embed", 2, 0},
               {"hf_vit_mae.bin", Family::hf_vit_mae, "mae.pos_embed", 2, 0}};
  const WeightFile expected = WeightFile::open(kGolden + "expected.safetensors");
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const LoadedBackbone loaded = load_backbone(kGolden + c.name, tiny());
    CHECK(std::string(name_of(loaded.family)) == name_of(c.family));
    CHECK(loaded.unused.size() == c.unused);
    CHECK(loaded.used.size() == tiny().size());
    for (const auto& [name, shape] : tiny()) {
      CAPTURE(name);
      const Tensor& found = loaded.values.at(name);
      CHECK(found.shape() == shape);
      CHECK(found.dtype() == DType::f32);
      CHECK(difference(found, expected.load(name == "pos_embed" ? c.pos : name)) <= c.tolerance);
    }
  }
}

TEST_CASE("storages that are shared, sliced, transposed, empty or of another type read right") {
  const WeightFile expected = WeightFile::open(kGolden + "traps_expected.safetensors");
  for (const char* name : {"traps.pth", "traps_protocol4.pth"}) {
    const WeightFile file = WeightFile::open(kGolden + name);
    CHECK(file.tensors().size() == 19);
    for (const StoredTensor& tensor : expected.tensors()) {
      CAPTURE(tensor.name);
      const Tensor found = file.load(tensor.name), wanted = expected.load(tensor);
      CHECK(found.shape() == wanted.shape());
      CHECK(found.to_vector() == wanted.to_vector());
    }
  }
  CHECK(listed(WeightFile::open(kGolden + "traps.pth").notes(),
               "argparse.Namespace carried as opaque"));
}

TEST_CASE("f32 tensors that lie in order are views of the file and outlive it") {
  Tensor view;
  {
    const WeightFile file = WeightFile::open(kGolden + "traps.pth");
    view = file.load("shared_b");
    CHECK(view.raw() == file.find("shared_b")->data);
    CHECK(file.load("transposed").raw() != file.find("transposed")->data);
  }
  CHECK(view.to_vector()[23] == 23.0f);
}

TEST_CASE("position embeddings of another grid are timm's, Hugging Face's and DINO's, by family") {
  const WeightFile expected = WeightFile::open("tests/golden/families.safetensors");
  for (const std::string side : {"3", "14", "37"})
    for (const int64_t grid : {2, 5, 8, 16})
      for (const Resample how : {Resample::antialiased, Resample::bicubic, Resample::offset}) {
        const std::string name = side + "." + std::to_string(grid) + "." + name_of(how);
        CAPTURE(name);
        CHECK(resample_of(name_of(how)) == how);
        CHECK(difference(resample_pos_embed(expected.load(side), grid, 1, how),
                         expected.load(name)) < 1e-5);
      }
  const std::vector<std::pair<std::string, std::string>> files = {
      {"dino.pth", "offset as its authors"},
      {"dinov2.pth", "offset as its authors"},
      {"mae_pretrain.pth", "bicubic as its"},
      {"hf_vit.safetensors", "bicubic as its"},
      {"timm.safetensors", "antialiased as its"},
      {"moco_linear.pth.tar", "antialiased as its"},
      {"google.npz", "bilinear as its authors' code does"}};
  for (const auto& [name, how] : files) {
    CAPTURE(name);
    CHECK(listed(load_backbone(kGolden + name, tiny(4, 2, 25)).notes,
                 "interpolated from 3 x 3 to 5 x 5 patches, " + how));
  }
  const LoadedBackbone told =
      load_backbone(kGolden + "dino.pth", tiny(4, 2, 25), Resample::bicubic);
  CHECK(listed(told.notes, "to 5 x 5 patches, bicubic"));
  CHECK_FALSE(listed(told.notes, "authors"));
  CHECK_FALSE(listed(load_backbone(kGolden + "dino.pth", tiny()).notes, "interpolated"));
}

TEST_CASE("a file for another model is refused with counts, names and what it is") {
  const auto load = [](const WantedShapes& wanted) {
    return error_of([&] { load_backbone(kGolden + "timm.safetensors", wanted); });
  };
  const std::string wide = load(tiny(8));
  CHECK(contains(wide, "4: load tests/golden/weights/timm.safetensors: the file does not fit"));
  CHECK(contains(wide, "used 0, unused 2 (head.bias, head.weight), missing 0, wrong shape 30"));
  CHECK(contains(wide, "cls_token is (1, 1, 4), (1, 1, 8) expected"));
  CHECK(contains(wide, "ViT (4 wide, 2 blocks, patches of 2 px, 3 x 3 of them)"));
  CHECK(contains(load(tiny(4, 3)), "missing 12 (blocks.2."));
  CHECK(contains(load(tiny(4, 1)), "unused 14"));
  CHECK(contains(load(tiny(4, 2, 8)), "pos_embed is (1, 10, 4), (1, 9, 4) expected"));
  WantedShapes more = tiny();
  more.emplace_back("fc_norm.weight", Shape{4});
  CHECK(contains(load(more), "missing 1 (fc_norm.weight)"));
}

TEST_CASE("parts that change what the backbone computes are refused by name") {
  const TempFolder folder;
  const std::pair<const char*, const char*> parts[] = {
      {"norm_pre.weight", "a norm before"},         {"register_tokens", "register tokens"},
      {"blocks.1.mlp.w12.weight", "SwiGLU"},        {"dist_token", "a distillation token"},
      {"blocks.0.attn.q_norm.weight", "a norm of"}, {"blocks.0.x.norm1.weight", "a part"}};
  for (const auto& [name, what] : parts) {
    const std::string path =
        edited(folder, [&, n = name](auto& tensors) { tensors[n] = Tensor::from({1}, {1}); });
    const std::string message = error_of([&] { load_backbone(path, tiny()); });
    CHECK(contains(message, std::string(name) + " is " + what));
  }
  for (const char* harmless :
       {"prompt.0", "pre_logits.fc.weight", "mask_token", "head_drop.weight"}) {
    const std::string path =
        edited(folder, [&](auto& tensors) { tensors[harmless] = Tensor::from({1}, {1}); });
    CHECK(listed(load_backbone(path, tiny()).unused, harmless));
  }
}

TEST_CASE("MoCo v3's ViT-S is refused because its heads cannot be told from its tensors") {
  const TempFolder folder;
  const Tensor patch = Tensor::zeros({384, 3, 2, 2});
  write_safetensors(folder / "s", {{"patch_embed.proj.weight", patch}}, {{"family", "moco_v3"}});
  CHECK(contains(error_of([&] { load_backbone(folder / "s", tiny()); }), "ViT-S has 12 heads"));
}

TEST_CASE("weights that are not finite are refused with the tensor and the element") {
  const TempFolder folder;
  for (const float value : {INFINITY, -INFINITY, NAN}) {
    const std::string path = edited(folder, [&](auto& tensors) {
      Tensor bias({4});
      fill(bias, 1);
      bias.template data<float>()[2] = value;
      tensors["norm.bias"] = bias;
    });
    CHECK(contains(error_of([&] { load_backbone(path, tiny()); }), "norm.bias holds "));
    CHECK(contains(error_of([&] { load_backbone(path, tiny()); }), "at element 2"));
  }
}

TEST_CASE("converting writes timm names that load to the same bits and keep their family") {
  const TempFolder folder;
  for (const char* name : {"hf_vit_mae.bin", "moco_pretrain.pth.tar", "timm_half.pth", "google.npz",
                           "dinov2.pth", "legacy_timm.pth"})
    for (const char* out : {"out.safetensors", "out.pth"}) {
      CAPTURE(name);
      CAPTURE(out);
      const LoadedBackbone before = load_backbone(kGolden + name, tiny());
      const Conversion done = convert(kGolden + name, folder / out);
      CHECK(done.written.size() == tiny().size());
      CHECK(done.unused == before.unused);
      const LoadedBackbone after = load_backbone(folder / out, tiny());
      CHECK(after.family == before.family);
      CHECK(after.unused.empty());
      for (const auto& [key, value] : before.values)
        CHECK(after.values.at(key).to_vector() == value.to_vector());
      const std::string bytes = read_file(folder / out);
      convert(kGolden + name, folder / out);
      CHECK(read_file(folder / out) == bytes);
    }
  CHECK(contains(error_of([&] { convert(kGolden + "timm.pth", folder / "out.npz"); }),
                 "its ending says the format; .safetensors, .pth"));
}

TEST_CASE("converting to bf16 and f16 rounds to nearest even, and refuses what does not fit") {
  const TempFolder folder;
  const LoadedBackbone before = load_backbone(kGolden + "timm.pth", tiny());
  for (const char* out : {"out.safetensors", "out.pth"})
    for (const Element element : {Element::bf16, Element::f16}) {
      convert(kGolden + "timm.pth", folder / out, element);
      const WeightFile file = WeightFile::open(folder / out);
      for (const StoredTensor& tensor : file.tensors()) CHECK(tensor.element == element);
      for (const auto& [name, value] : load_backbone(folder / out, tiny()).values)
        CHECK(difference(value, before.values.at(name)) < (element == Element::f16 ? 1e-3 : 1e-2));
    }
  // traps.pth has what torch's .half() and .bfloat16() made of these.
  const Tensor exact =
      Tensor::from({0.0f, -0.0f, 1.0f, -2.5f, 65504.0f, 6e-8f, 1e-5f, 1 / 3.0f}, {8});
  const WeightFile traps = WeightFile::open(kGolden + "traps.pth");
  for (const auto& [element, name] :
       {std::pair{Element::f16, "float16"}, {Element::bf16, "bfloat16"}}) {
    const std::vector<uint8_t> bytes = encode(exact, element, "x");
    CHECK(std::memcmp(bytes.data(), traps.find(name)->data, 16) == 0);
  }
  // Ties, the largest subnormal, and the last value below 65,520, where f16 ends.
  const Tensor hard =
      Tensor::from({0x1.002p0f, 0x1.006p0f, 0x1.ffep-15f, 65519.996f, 0x1p-25f, 0x1.8p-24f}, {6});
  const uint16_t halves[] = {0x3c00, 0x3c02, 0x0400, 0x7bff, 0, 2};
  CHECK(std::memcmp(encode(hard, Element::f16, "x").data(), halves, sizeof halves) == 0);
  CHECK(contains(error_of([] {
                   encode(Tensor::from({1, 65520}, {2}), Element::f16, "x");
                 }),
                 "x holds 65520 at element 1, which f16 cannot hold"));
}

TEST_CASE("a description says what a file is, also where it cannot be used") {
  const FileDescription mae = describe(kGolden + "mae_visualize.pth");
  CHECK(mae.recognised);
  CHECK(mae.family == Family::mae);
  CHECK(mae.format == "PyTorch");
  CHECK(mae.wrapper == "model");
  CHECK(mae.vit.width == 4);
  CHECK(mae.vit.depth == 2);
  CHECK(mae.vit.patch == 2);
  CHECK(mae.vit.grid == 3);
  CHECK(mae.dtypes == "f32");
  CHECK(mae.parameters == 626);
  CHECK_FALSE(mae.lspt_checkpoint);
  const FileDescription traps = describe(kGolden + "traps.pth");
  CHECK_FALSE(traps.recognised);
  CHECK(listed(traps.notes, "no ViT backbone"));
  const TempFolder folder;
  write_safetensors(folder / "p", {{"prompt.0", Tensor::from({1, 2}, {2})}}, {{"lspt", "1"}});
  CHECK(describe(folder / "p").lspt_checkpoint);
  CHECK(contains(error_of([&] { load_backbone(folder / "p", tiny()); }), "holds only what was"));
}

TEST_CASE("model names follow from the shapes, with 64 channels a head") {
  const auto guess = [](int64_t width, int depth, int64_t patch, int64_t grid) {
    return guess_vit({{"patch_embed.proj.weight", {width, 3, patch, patch}},
                      {"pos_embed", {1, 1 + grid * grid, width}},
                      {"blocks." + std::to_string(depth - 1) + ".norm1.bias", {width}}})
        .name;
  };
  CHECK(guess(768, 12, 16, 14) == "vit_base_patch16_224");
  CHECK(guess(1024, 24, 14, 16) == "vit_large_patch14_224");
  CHECK(guess(384, 12, 16, 24) == "vit_small_patch16_384");
  CHECK(guess(192, 12, 8, 4) == "vit_tiny_patch8_32");
  CHECK(guess(768, 11, 16, 14) == "vit_768x11x12_patch16_224");
  CHECK(guess(192, 12, 4, 8) == "vit_tiny_patch4_32");
  CHECK(guess(100, 12, 16, 14).empty());
}

TEST_CASE("safetensors are written in the format's bytes, the same for every order of tensors") {
  const TempFolder folder;
  const Tensor a = Tensor::from({1, -2}, {2, 1}),
               half = to_dtype(Tensor::from({3}, {}), DType::bf16);
  write_safetensors(folder / "one", {{"h", half}, {"a", a}}, {{"k", "v"}});
  write_safetensors(folder / "two", {{"a", a}, {"h", half}}, {{"k", "v"}});
  std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[0,8],"dtype":"F32","shape":[2,1]},)"
      R"("h":{"data_offsets":[8,10],"dtype":"BF16","shape":[]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const float values[] = {1, -2};
  std::string data(reinterpret_cast<const char*>(values), 8);
  data += "\x40\x40";  // 3 as bf16: 0x4040
  CHECK(read_file(folder / "one") == little_endian(uint64_t{header.size()}) + header + data);
  CHECK(read_file(folder / "one") == read_file(folder / "two"));
  const WeightFile file = WeightFile::open(folder / "one");
  CHECK(file.metadata().at("k") == "v");
  CHECK(file.load("a").to_vector() == a.to_vector());
  CHECK(file.load("h").to_vector() == std::vector<float>{3});
}
