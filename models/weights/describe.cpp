#include "models/weights/describe.h"

#include <algorithm>
#include <filesystem>

#include "models/vit.h"
#include "models/weights/containers/encode.h"
#include "models/weights/names/known_files.h"
#include "models/weights/pos_embed.h"

namespace lspt {

std::string ViTGuess::text() const {
  const char* size = width == 192    ? "-Ti"
                     : width == 384  ? "-S"
                     : width == 768  ? "-B"
                     : width == 1024 ? "-L"
                                     : "";
  const std::string side = std::to_string(grid);
  return "ViT" + std::string(size) + (*size && patch > 0 ? "/" + std::to_string(patch) : "") +
         " (" + std::to_string(width) + " wide, " + std::to_string(depth) + " blocks, " +
         (patch > 0 ? "patches of " + std::to_string(patch) + " px"
                    : "patches that are not square") +
         (grid > 0 ? ", " + side + " x " + side + " of them)" : ", no square of them)");
}

ViTGuess guess_vit(const WantedShapes& shapes) {
  ViTGuess guess;
  for (const auto& [name, shape] : shapes) {
    if (name == "patch_embed.proj.weight" && shape.rank() == 4) {
      guess.width = shape[0];
      guess.patch = shape[2] == shape[3] ? shape[2] : 0;
    } else if (name == "pos_embed" && shape.rank() == 3) {
      guess.grid = grid_side(shape[1] - 1);
    } else if (name.starts_with("blocks.")) {
      guess.depth = std::max<int64_t>(guess.depth, std::stoll(name.substr(7)) + 1);
    }
  }
  // The number of heads is not in a file: 64 channels each in every published size.
  constexpr int64_t kHead = 64;
  if (guess.width > 0 && guess.width % kHead == 0 && guess.depth > 0 && guess.grid > 0 &&
      guess.patch > 0 && guess.patch * guess.grid <= 4096)
    guess.name = model_name({.name = {},
                             .img_size = static_cast<int>(guess.patch * guess.grid),
                             .patch_size = static_cast<int>(guess.patch),
                             .embed_dim = static_cast<int>(guess.width),
                             .depth = static_cast<int>(guess.depth),
                             .num_heads = static_cast<int>(guess.width / kHead)});
  return guess;
}

FileDescription describe(const std::string& path) {
  const WeightFile file = WeightFile::open(path);
  FileDescription out = describe(file);
  if (out.recognised) out.published = known_file(file, out.family, out.vit.name);
  return out;
}

FileDescription describe(const WeightFile& file) {
  FileDescription out;
  out.path = file.path();
  out.format = file.format();
  out.wrapper = file.wrapper();
  out.bytes = file.bytes();
  out.metadata = file.metadata();
  out.notes = file.notes();
  out.lspt_checkpoint = file.metadata().contains("lspt");
  std::map<std::string, int64_t> elements;
  for (const StoredTensor& tensor : file.tensors()) {
    out.tensors.push_back({tensor.name, name_of(tensor.element), tensor.shape});
    out.parameters += tensor.shape.numel();
    elements[name_of(tensor.element)] += tensor.shape.numel();
  }
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [dtype, count] : elements) order.emplace_back(-count, dtype);
  std::sort(order.begin(), order.end());
  for (const auto& [count, dtype] : order) out.dtypes += (out.dtypes.empty() ? "" : ", ") + dtype;

  try {
    const NameMap map = map_names(file);
    out.family = map.family;
    out.normalization = map.normalization;
    out.vit = guess_vit(shapes_of(map));
    out.unused = map.unused;
    out.notes.insert(out.notes.end(), map.notes.begin(), map.notes.end());
    out.recognised = true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kWeights) throw;
    out.notes.push_back(error.what());
  }
  return out;
}

Conversion convert(const std::string& in, const std::string& out, Element element,
                   std::optional<Family> told) {
  const WeightFile file = WeightFile::open(in);
  const NameMap map = map_names(file, told);
  Conversion done{map.family, {}, map.unused, file.notes()};
  done.notes.insert(done.notes.end(), map.notes.begin(), map.notes.end());
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const MappedTensor& tensor : map.tensors) {
    tensors.emplace_back(tensor.name, load(file, tensor));
    done.written.push_back(tensor.name);
  }
  std::map<std::string, std::string> metadata = {
      {"family", key_of(map.family)},
      {"normalization", map.normalization},
      {"source", std::filesystem::path(in).filename().string()}};
  if (map.fc_norm) metadata["fc_norm"] = "1";
  write_weights(out, tensors, element, metadata);
  return done;
}

}  // namespace lspt
