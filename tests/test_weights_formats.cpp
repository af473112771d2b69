#include <doctest/doctest.h>

#include "models/vit.h"
#include "models/weights/containers/npz.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/describe.h"
#include "tests/tiny_vit.h"
#include "tests/weights_fixture.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

/// Every tensor of NAME_expected.safetensors is in NAME.ENDING, bit for bit.
void check_equal(const std::string& name, const std::string& expected_name, size_t more = 0) {
  CAPTURE(name);
  const WeightFile file = WeightFile::open(kGolden + name);
  const WeightFile expected = WeightFile::open(kGolden + expected_name + "_expected.safetensors");
  CHECK(file.tensors().size() == expected.tensors().size() + more);
  for (const StoredTensor& tensor : expected.tensors()) {
    CAPTURE(tensor.name);
    const Tensor found = file.load(tensor.name), wanted = expected.load(tensor);
    REQUIRE(found.shape() == wanted.shape());
    for (int64_t i = 0; i < wanted.numel(); ++i)
      CHECK(std::bit_cast<uint32_t>(found.data<float>()[i]) ==
            std::bit_cast<uint32_t>(wanted.data<float>()[i]));
  }
}

/// What all blocks and the final norm make of the fixture's image, and what timm made of it.
double distance_from_timm(const std::string& name, const std::string& expected_name) {
  ViTConfig config;
  config.img_size = 6;
  config.patch_size = config.depth = config.num_heads = 2;
  config.embed_dim = 4;
  const LoadedBackbone loaded = load_backbone(kGolden + name, backbone_shapes(config));
  const ViT vit(
      config, [](const std::string&) { return false; }, DType::f32,
      Initializer(1, Device::cpu, loaded.values));
  const WeightFile expected = WeightFile::open(kGolden + expected_name + "_expected.safetensors");
  Var x = vit.embed(expected.load("image"));
  for (int i = 0; i < config.depth; ++i) x = vit.block(i, x);
  return difference(vit.final_norm(x).value, expected.load("features"));
}

std::string changed(const std::string& name, const std::string& from, const std::string& to) {
  std::string bytes = read_file(kGolden + name);
  const size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, from.size(), to);
}

std::string trouble(const std::string& bytes) {
  return error_of([&] {
    const WeightFile file = WeightFile::of(MappedFile::of(bytes, "w"));
    for (const StoredTensor& tensor : file.tensors()) file.load(tensor);
  });
}

/// An array's bytes with this header, of version 1.
std::string npy(const std::string& header, const std::string& data = "") {
  return std::string("\x93NUMPY\x01\0", 8) + little_endian(static_cast<uint16_t>(header.size())) +
         header + data;
}

}  // namespace

TEST_CASE("PyTorch's old formats and rare pickles give what torch.load gives") {
  check_equal("legacy_traps.pth", "traps");
  check_equal("legacy_traps4.pth", "traps");
  check_equal("legacy_views.pth", "legacy_views");
  check_equal("legacy_tar.pth", "legacy_tar");
  check_equal("rare.pth", "rare");
  CHECK(WeightFile::open(kGolden + "legacy_timm.pth").format() == "PyTorch (before 1.6)");
  CHECK(WeightFile::open(kGolden + "legacy_tar.pth").format() == "PyTorch (before 0.1.10)");
  CHECK(WeightFile::open(kGolden + "legacy_tar.pth").wrapper() == "state_dict");
  CHECK(listed(WeightFile::open(kGolden + "legacy_traps.pth").notes(), "argparse.Namespace"));
}

TEST_CASE("old PyTorch files that lie are refused") {
  const std::string big = changed("legacy_traps.pth", "little_endian" + std::string("q\x02\x88"),
                                  "little_endian" + std::string("q\x02\x89"));
  CHECK(contains(trouble(big), "4: read w: written by a big-endian machine"));
  CHECK(contains(trouble(changed("legacy_traps.pth", "M\xe9\x03.", "M\xe8\x03.")),
                 "unknown version"));
  const std::string good = read_file(kGolden + "legacy_views.pth");
  CHECK(trouble(good) == "");
  CHECK(
      listed(WeightFile::of(MappedFile::of(good + "xy", "w")).notes(), "2 bytes behind the last"));
  CHECK(contains(trouble(good.substr(0, good.size() - 1)), "ends at byte"));
  // 900's twelve floats: the count before its data, and where the view into it begins.
  CHECK(contains(
      trouble(changed("legacy_views.pth", little_endian(int64_t{12}), little_endian(int64_t{13}))),
      "storage 900 has 13 elements, 12 expected"));
  CHECK(contains(trouble(changed("legacy_views.pth", "K\x04K\x06", "K\x07K\x06")),
                 "a view that reaches outside storage 900"));
  CHECK(contains(trouble(changed("legacy_tar.pth", "K\x04K\x06", "K\x05K\x06")),
                 "a view that reaches outside its root"));
  CHECK(contains(trouble(changed("legacy_tar.pth", "tensors", "tensorz")),
                 "a tar archive without tensors"));
  CHECK(contains(
      trouble(changed("legacy_tar.pth", little_endian(int64_t{5}) + little_endian(int64_t{2}),
                      little_endian(int64_t{5}) + little_endian(int64_t{3}))),
      "tensor all reaches outside its storage of 10 elements"));
}

TEST_CASE("NumPy's arrays are read in every type, order and version") {
  check_equal("arrays.npz", "arrays", 2);
  const WeightFile file = WeightFile::open(kGolden + "arrays.npz");
  for (const char* name : {"version2", "version3"})
    CHECK(file.load(name).to_vector() == std::vector<float>{0, 1, 2});
  CHECK(file.find("bf16")->element == Element::bf16);
  CHECK(file.find("fortran")->strides[0] == 1);
  CHECK(file.format() == "NumPy");
  CHECK(listed(file.notes(), "text left out: type '<U4'"));
  CHECK(listed(file.notes(), "complex left out: type '<c16'"));
}

TEST_CASE("NumPy archives and headers that lie are refused before anything is inflated") {
  const std::string four(4, '\0');
  const auto in_zip = [&](const std::string& header) {
    return trouble(make_zip({{"a.npy", npy(header, four)}}));
  };
  CHECK(in_zip("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n") == "");
  CHECK(in_zip("{'shape':(),\"descr\":\"<f4\",'fortran_order':True}") == "");
  CHECK(in_zip("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 1L)}") == "");
  const std::pair<const char*, const char*> cases[] = {
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "a big-endian machine"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "4 bytes of elements, not what"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776, 0)}",
       "a shape that cannot be"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "a shape that cannot be"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       "a shape that"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "True or False expected"},
      {"{'descr': '<f4', 'shape': (1,)}", "is missing"},
      {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "unknown or twice"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "expected at"},
      {"{'descr': '<f4", "a text in quotes expected"},
      {"", "'{' expected"}};
  for (const auto& [header, message] : cases) {
    CAPTURE(header);
    CHECK_MESSAGE(contains(in_zip(header), std::string("4: read w: a.npy: ")), in_zip(header));
    CHECK_MESSAGE(contains(in_zip(header), message), in_zip(header));
  }
  CHECK(contains(error_of([] { read_npy_header("\x93NUMPY\x04", "x"); }), "ends at byte 7"));
  CHECK(contains(error_of([] { read_npy_header(std::string("\x93NUMPY\x04\0\0\0", 10), "x"); }),
                 "version 4 of NumPy's format"));
  const std::string records =
      npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}");
  const WeightFile file =
      WeightFile::of(MappedFile::of(make_zip({{"a.npy", records + four}}), "w"));
  CHECK(file.tensors().empty());
  CHECK(listed(file.notes(), "a left out: type '' of 1"));
}

TEST_CASE("Google's ViT is what timm's _load_weights makes of it, also at another grid") {
  const WeightFile expected = WeightFile::open(kGolden + "google_expected.safetensors");
  for (const char* name : {"google.npz", "google_opt.npz", "google_params.npz"}) {
    CAPTURE(name);
    const LoadedBackbone loaded = load_backbone(kGolden + name, tiny());
    for (const auto& [key, value] : loaded.values)
      CHECK(difference(value, expected.load(key)) == 0);
    CHECK(distance_from_timm(name, "google") < 1e-4);
  }
  CHECK(listed(load_backbone(kGolden + "google.npz", tiny()).unused, "pre_logits/kernel"));
  CHECK(listed(load_backbone(kGolden + "google_opt.npz", tiny()).unused, "grad_ema"));
  for (const int64_t grid : {2, 5, 7}) {
    CAPTURE(grid);
    const LoadedBackbone loaded = load_backbone(kGolden + "google.npz", tiny(4, 2, grid * grid));
    CHECK(difference(loaded.values.at("pos_embed"),
                     expected.load("resampled." + std::to_string(grid))) < 1e-6);
  }
}

TEST_CASE("Google files that hold another model are refused by name") {
  const auto with = [](const std::string& name) {
    const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': ()}";
    const std::string array = npy(header, std::string(4, '\0'));
    const std::string bytes = make_zip({{"embedding/kernel.npy", array}, {name + ".npy", array}});
    return error_of([&] { map_names(WeightFile::of(MappedFile::of(bytes, "w"))); });
  };
  CHECK(with("head/kernel") == "");
  CHECK(contains(with("conv_root/kernel"), "is a convolutional stem"));
  CHECK(contains(with("Transformer/encoderblock/LayerNorm_0/scale"), "is all blocks in one array"));
  CHECK(contains(with("Transformer/encoderblock_x/LayerNorm_0/scale"), "a block without a number"));
  CHECK(contains(with("Transformer/encoderblock_0/Gate_0/scale"), "a part that this ViT"));
  CHECK(contains(with("Transformer/encoderblock_0/MultiHeadDotProductAttention_1/key/bias"),
                 "are not three of one shape"));
}

TEST_CASE("DINOv2's layer scale is folded into the matrices before it, whole or in chunks") {
  const WeightFile expected = WeightFile::open(kGolden + "dinov2_expected.safetensors");
  for (const char* name : {"dinov2.pth", "dinov2_chunked.pth"}) {
    CAPTURE(name);
    const LoadedBackbone loaded = load_backbone(kGolden + name, tiny());
    CHECK(loaded.family == Family::dinov2);
    CHECK(listed(loaded.notes, "layer scale is folded"));
    for (const StoredTensor& tensor : expected.tensors())
      if (tensor.name.starts_with("blocks."))
        CHECK(difference(loaded.values.at(tensor.name), expected.load(tensor)) == 0);
    CHECK(distance_from_timm(name, "dinov2") < 1e-4);
  }
  CHECK(distance_from_timm("timm.pth", "dinov2") > 1e-3);  // the scale is seen
  CHECK(listed(load_backbone(kGolden + "dinov2.pth", tiny()).unused, "mask_token"));
}

TEST_CASE("Hugging Face's Dinov2 is DINOv2 under other names") {
  const std::pair<std::string, std::string> kNames[] = {
      {"blocks.", "encoder.layer."},
      {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
      {"cls_token", "embeddings.cls_token"},
      {"pos_embed", "embeddings.position_embeddings"},
      {"mask_token", "embeddings.mask_token"},
      {"attn.proj", "attention.output.dense"},
      {"ls1.gamma", "layer_scale1.lambda1"},
      {"ls2.gamma", "layer_scale2.lambda1"}};
  const WeightFile original = WeightFile::open(kGolden + "dinov2.pth");
  std::vector<std::pair<std::string, Tensor>> renamed;
  for (const StoredTensor& tensor : original.tensors()) {
    std::string name = tensor.name.starts_with("norm.") ? "layer" + tensor.name : tensor.name;
    for (const auto& [from, to] : kNames)
      if (const size_t at = name.find(from); at != name.npos) name.replace(at, from.size(), to);
    const Tensor values = original.load(tensor);
    const size_t at = name.find("attn.qkv");
    for (int64_t part = 0; at != name.npos && part < 3; ++part)
      renamed.emplace_back(
          "dinov2." + std::string(name).replace(
                          at, 8,
                          std::string("attention.attention.") +
                              std::vector{"query", "key", "value"}[static_cast<size_t>(part)]),
          values.slice(4 * part, 4 * part + 4));
    if (at == name.npos) renamed.emplace_back("dinov2." + name, values);
  }
  const TempFolder folder;
  write_safetensors(folder / "hf", renamed);
  const LoadedBackbone found = load_backbone(folder / "hf", tiny());
  const LoadedBackbone expected = load_backbone(kGolden + "dinov2.pth", tiny());
  CHECK(found.family == Family::dinov2);
  for (const auto& [name, value] : expected.values)
    CHECK(difference(found.values.at(name), value) == 0);
}

TEST_CASE("MoCo v3's linear-probe and pre-training checkpoints are told apart") {
  CHECK(listed(load_backbone(kGolden + "moco_linear.pth.tar", tiny()).notes,
               "linear-probe checkpoint"));
  CHECK(listed(load_backbone(kGolden + "moco_pretrain.pth.tar", tiny()).notes,
               "pre-training checkpoint"));
}
