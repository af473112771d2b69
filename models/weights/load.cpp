#include "models/weights/load.h"

#include <algorithm>
#include <bit>
#include <sstream>

#include "engine/parallel.h"
#include "models/weights/describe.h"
#include "models/weights/pos_embed.h"

namespace lspt {
namespace {

constexpr int kPrefixTokens = 1;  // rows of the position table before those of the patches

/// "3 (a, b, c, ...)"
std::string count_and_names(const std::vector<std::string>& names) {
  std::string text = std::to_string(names.size());
  for (size_t i = 0; i < std::min<size_t>(names.size(), 4); ++i)
    text += (i ? ", " : " (") + names[i];
  return names.empty() ? text : text + (names.size() > 4 ? ", ...)" : ")");
}

bool not_finite(float value) {  // an exponent of all ones: infinity or NaN
  return (std::bit_cast<uint32_t>(value) & 0x7f800000u) == 0x7f800000u;
}

/// One parallel pass over all tensors: on a busy machine every barrier costs.
void require_finite(const std::map<std::string, Tensor>& tensors, const std::string& path) {
  struct Piece {
    const std::pair<const std::string, Tensor>* tensor;
    const float *begin, *end;
    bool bad = false;
  };
  constexpr int64_t kPiece = 1 << 18;
  std::vector<Piece> pieces;
  for (const auto& named : tensors)
    for (int64_t at = 0; at < named.second.numel(); at += kPiece) {
      const float* values = named.second.data<float>();
      pieces.push_back({&named, values + at, values + std::min(named.second.numel(), at + kPiece)});
    }
  parallel_for(static_cast<int64_t>(pieces.size()), 1, [&](int64_t i, int64_t) {
    Piece& piece = pieces[static_cast<size_t>(i)];
    int count = 0;
    for (const float* value = piece.begin; value < piece.end; ++value) count += not_finite(*value);
    piece.bad = count > 0;
  });
  for (const Piece& piece : pieces) {
    if (!piece.bad) continue;
    const float* first = std::find_if(piece.begin, piece.end, not_finite);
    fail(ErrorKind::kWeights, "load ", path, ": ", piece.tensor->first, " holds ", *first,
         " at element ", first - piece.tensor->second.data<float>(),
         "; the weights are damaged or come from a run that diverged");
  }
}

/// Whether interpolation can make position embeddings of one shape from the other.
bool can_resample(const Shape& found, const Shape& wanted) {
  return found.rank() == 3 && wanted.rank() == 3 && found[0] == 1 && wanted[0] == 1 &&
         found[2] == wanted[2] && grid_side(found[1] - kPrefixTokens) > 0 &&
         grid_side(wanted[1] - kPrefixTokens) > 0;
}

/// A copy: x may be a view of the file.
Tensor scale_rows(const Tensor& x, const Tensor& scale) {
  Tensor out(x.shape());
  const int64_t rows = x.dim(0), columns = rows == 0 ? 0 : x.numel() / rows;
  const float *from = x.data<float>(), *factor = scale.data<float>();
  float* to = out.data<float>();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i) to[i] = from[i] * factor[row];
  return out;
}

}  // namespace

WantedShapes shapes_of(const NameMap& map) {
  WantedShapes shapes;
  for (const MappedTensor& tensor : map.tensors) shapes.emplace_back(tensor.name, tensor.shape());
  return shapes;
}

Tensor load(const WeightFile& file, const MappedTensor& tensor) {
  Tensor whole;
  if (tensor.class_row) {
    whole = Tensor(tensor.shape());
    fill(whole, 0);
    const Tensor rows = file.load(tensor.sources[0]);
    std::copy_n(rows.data<float>(), rows.numel(), whole.data<float>() + whole.dim(2));
  } else if (tensor.sources.size() == 1) {
    whole = file.load(tensor.sources[0]).reshape(tensor.part);
  } else {
    whole = Tensor(tensor.shape());
    const int64_t rows = tensor.part[0];
    for (size_t i = 0; i < tensor.sources.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) * rows;
      copy(whole.slice(row, row + rows), file.load(tensor.sources[i]).reshape(tensor.part));
    }
  }
  return tensor.row_scale ? scale_rows(whole, file.load(*tensor.row_scale)) : whole;
}

Resample resample_of(Family family, bool hugging_face) {
  if (hugging_face) return Resample::bicubic;
  if (family == Family::dino || family == Family::dinov2) return Resample::offset;
  if (family == Family::mae || family == Family::deit) return Resample::bicubic;
  return family == Family::google ? Resample::bilinear : Resample::antialiased;
}

LoadedBackbone load_backbone(const std::string& path, const WantedShapes& wanted,
                             std::optional<Resample> resample, std::optional<Family> told) {
  const WeightFile file = WeightFile::open(path);
  const NameMap map = map_names(file, told);
  const ViTGuess found = guess_vit(shapes_of(map)), asked = guess_vit(wanted);
  LoadedBackbone loaded;
  loaded.family = map.family;
  loaded.normalization = map.normalization;
  loaded.fc_norm = map.fc_norm;
  const Resample authors = resample_of(map.family, map.hugging_face);
  loaded.resample = resample.value_or(authors);
  loaded.unused = map.unused;
  loaded.notes = file.notes();
  loaded.notes.insert(loaded.notes.end(), map.notes.begin(), map.notes.end());
  require(map.family != Family::moco_v3 || found.width != 384, ErrorKind::kWeights, "load ", path,
          ": MoCo v3's ViT-S has 12 heads, vit_small has 6, and the tensors cannot tell; it is not "
          "supported");

  std::map<std::string, const MappedTensor*> by_name;
  for (const MappedTensor& tensor : map.tensors) by_name[tensor.name] = &tensor;
  std::vector<std::string> missing, misshapen;
  for (const auto& [name, shape] : wanted) {
    const auto at = by_name.find(name);
    if (at == by_name.end()) {
      missing.push_back(name);
      continue;
    }
    const Shape have = at->second->shape();
    if (have == shape || (name == "pos_embed" && can_resample(have, shape)))
      loaded.used.push_back(name);
    else
      misshapen.push_back(name + " is " + have.to_string() + ", " + shape.to_string() +
                          " expected");
    by_name.erase(at);
  }
  // A block too many is as wrong as a block too few.
  const bool deeper = std::any_of(by_name.begin(), by_name.end(), [](const auto& left) {
    return left.first.starts_with("blocks.");
  });
  for (const MappedTensor& tensor : map.tensors)
    if (by_name.contains(tensor.name)) loaded.unused.push_back(tensor.name);
  require(missing.empty() && misshapen.empty() && !deeper, ErrorKind::kWeights, "load ", path,
          ": the file does not fit the model: used ", loaded.used.size(), ", unused ",
          count_and_names(loaded.unused), ", missing ", count_and_names(missing), ", wrong shape ",
          count_and_names(misshapen), "\nthe file is a ", found.text(), ", the model a ",
          asked.text(), found.name.empty() ? "" : "\ngive --model " + found.name);

  for (const MappedTensor& tensor : map.tensors) {
    const auto want = std::find_if(wanted.begin(), wanted.end(),
                                   [&](const auto& w) { return w.first == tensor.name; });
    if (want == wanted.end()) continue;
    Tensor values = load(file, tensor);
    if (!(values.shape() == want->second)) {
      const int64_t from = grid_side(values.dim(1) - kPrefixTokens);
      const int64_t to = grid_side(want->second[1] - kPrefixTokens);
      values = resample_pos_embed(values, to, kPrefixTokens, loaded.resample);
      std::ostringstream note;
      note << "position embeddings interpolated from " << from << " x " << from << " to " << to
           << " x " << to << " patches, " << name_of(loaded.resample)
           << (loaded.resample == authors ? " as its authors' code does" : "");
      loaded.notes.push_back(note.str());
    }
    loaded.values[tensor.name] = values;
  }
  require_finite(loaded.values, path);
  return loaded;
}

}  // namespace lspt
