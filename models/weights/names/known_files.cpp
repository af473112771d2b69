#include "models/weights/names/known_files.h"

#include "engine/file.h"

namespace lspt {
namespace {

/// As far as their hashes are published: VPT's README gives six digits of each.
constexpr struct {
  Family family;
  const char *size, *format, *wrapper, *md5, *name;
} kKnown[] = {
    {Family::mae, "vit_base_patch16_", "PyTorch", "model", "8cad7c",
     "facebookresearch/mae's mae_pretrain_vit_base.pth, the MAE of VPT and GaPT"},
    {Family::moco_v3, "vit_base_patch16_", "PyTorch", "state_dict", "8f39ce",
     "facebookresearch/moco-v3's linear-vit-b-300ep.pth.tar, the linear probe that VPT and GaPT "
     "load, not vit-b-300ep.pth.tar"},
    {Family::google, "vit_base_patch16_", "NumPy", "", "d9715d",
     "Google's imagenet21k/ViT-B_16.npz, VPT's imagenet21k_ViT-B_16.npz"},
};

}  // namespace

std::string known_file_of(Family family, const std::string& model, const std::string& md5) {
  for (const auto& known : kKnown)
    if (known.family == family && model.starts_with(known.size) && md5.starts_with(known.md5))
      return std::string(known.name) + " (MD5 " + known.md5 + "...)";
  return "";
}

std::string known_file(const WeightFile& file, Family family, const std::string& model) {
  for (const auto& known : kKnown)
    if (known.family == family && model.starts_with(known.size) &&
        file.format().starts_with(known.format) && file.wrapper() == known.wrapper)
      return known_file_of(family, model, md5_of(file.path()));
  return "";
}

}  // namespace lspt
