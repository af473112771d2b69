#include <doctest/doctest.h>

#include "models/weights/containers/safetensors.h"
#include "models/weights/names/known_files.h"
#include "tests/tiny_vit.h"
#include "tests/weights_fixture.h"
#include "train/restore.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"

using namespace lspt;
using namespace lspt::testing;

namespace {

Options options_with(const std::string& path, const std::string& mae_norm,
                     const std::string& method = "linear") {
  Options options;
  options.weights = path;
  options.model = "vit_tiny_patch16_224";
  options.img_size = 32;
  options.method = method;
  options.device = "cpu";
  options.mae_norm = mae_norm;
  options.given = {"mae-norm"};
  return options;
}

/// A backbone of vit_tiny_patch16_224 at 32 pixels, all 0.5, that says it is of a family.
std::string backbone(const TempFolder& folder, const std::string& family) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, shape] : backbone_shapes(vit_config("vit_tiny_patch16_224", 32))) {
    tensors.emplace_back(name, Tensor(shape));
    fill(tensors.back().second, 0.5f);
  }
  write_safetensors(folder / (family + ".safetensors"), tensors, {{"family", family}});
  return folder / (family + ".safetensors");
}

/// First elements of the final norm's weight and bias, and whether they are trained.
std::vector<double> final_norm(Model& model) {
  std::vector<double> found;
  for (const Parameter* parameter : model.parameters())
    if (parameter->name.starts_with("norm.")) {
      found.push_back(parameter->var.value.to_vector()[0]);
      found.push_back(parameter->var.node != nullptr);
    }
  return found;
}

}  // namespace

TEST_CASE("MAE's final norm is the file's, or untrained as in VPT, in training and after it") {
  const TempFolder folder;
  const std::string path = backbone(folder, "mae");
  for (const bool vpt : {false, true})
    for (const std::string method : {"linear", "full"}) {
      CAPTURE(vpt);
      CAPTURE(method);
      Checkpoint checkpoint;
      Options options = options_with(path, vpt ? "vpt" : "stored", method);
      const ViTConfig vit = vit_config(options.model, 32);
      const Backbone loaded = load_weights(weights_settings(options), vit);
      CHECK(listed(loaded.loaded.notes, "as VPT leaves its fc_norm") == vpt);
      CHECK(listed(loaded.loaded.unused, "norm.weight") == vpt);
      resolve(options, loaded.hint);
      checkpoint.settings = train_settings(options);
      ModelConfig config = checkpoint.settings.model;
      CHECK(config.pool == Pool::avg);
      config.num_classes = 2;
      Model model(config, loaded.loaded.values);
      const double weight = vpt ? 1 : 0.5, bias = vpt ? 0 : 0.5, trained = method == "full";
      const std::vector<double> expected = {weight, trained, bias, trained};
      CHECK(final_norm(model) == expected);

      checkpoint.backbone = loaded.file;
      checkpoint.class_names = {"a", "b"};
      checkpoint.trained = trained_values(model);
      Console console;
      CHECK(final_norm(*restore(checkpoint, "", ErrorKind::kUsage, console)) == expected);
    }
}

TEST_CASE("--mae-norm is refused where it has no effect") {
  const TempFolder folder;
  Options moco = options_with(backbone(folder, "moco_v3"), "vpt");
  const Backbone loaded = load_weights(weights_settings(moco), vit_config(moco.model, 32));
  CHECK_FALSE(listed(loaded.loaded.notes, "fc_norm"));
  CHECK(contains(error_of([&] { resolve(moco, loaded.hint); }),
                 "2: --mae-norm: has no effect with weights of MoCo v3; it needs MAE's"));
  Options none = options_with("", "stored");
  CHECK(
      contains(error_of([&] { resolve(none, std::nullopt); }), "has no effect without --weights"));
  Options later = options_with("a file", "vpt");
  CHECK(error_of([&] { resolve(later, std::nullopt); }) == "");  // its family is not known yet
}

TEST_CASE("published files are recognised by family, size and hash") {
  const std::string base = "vit_base_patch16_224", rest(26, '0');
  CHECK(contains(known_file_of(Family::mae, base, "8cad7c" + rest), "mae_pretrain_vit_base.pth"));
  CHECK(contains(known_file_of(Family::moco_v3, base, "8f39ce" + rest), "linear-vit-b-300ep"));
  CHECK(contains(known_file_of(Family::google, base, "d9715d" + rest), "ViT-B_16.npz"));
  CHECK(known_file_of(Family::dino, base, "8cad7c" + rest).empty());
  CHECK(known_file_of(Family::mae, "vit_large_patch16_224", "8cad7c" + rest).empty());
  CHECK(known_file_of(Family::mae, base, "8cad7d" + rest).empty());
  // Only what looks like a known file is hashed: the others have no path that could be.
  const auto known = [&](const std::string& name, Family family) {
    const auto file = MappedFile::of(read_file(kGolden + name), "nowhere");
    return error_of([&] { known_file(WeightFile::of(file), family, base); });
  };
  CHECK(contains(known("mae_pretrain.pth", Family::mae), "open nowhere"));
  CHECK(contains(known("google.npz", Family::google), "open nowhere"));
  CHECK(known("mae_pretrain.pth", Family::dino).empty());
  CHECK(known("dino.pth", Family::mae).empty());
  CHECK(known("timm.safetensors", Family::google).empty());
  const TempFolder folder;
  write_file(folder / "abc", "abc");
  CHECK(md5_of(folder / "abc") == "900150983cd24fb0d6963f7d28e17f72");  // RFC 1321
}
