#include "models/weights/names/google_names.h"

#include <algorithm>
#include <map>

namespace lspt {
namespace {

constexpr std::string_view kPatch = "embedding/kernel", kBlock = "Transformer/encoderblock_";

/// How timm's tensor is seen in Google's: axes in timm's order, of which the first `rows` or all
/// others are one dimension.
struct View {
  std::vector<int> axes;
  int rows;
};
const View kAsIs{{}, 0}, kDense{{1, 0}, 1}, kToHeads{{1, 2, 0}, 2}, kFromHeads{{2, 0, 1}, 1},
    kHeadBias{{0, 1}, 2}, kConv{{3, 2, 0, 1}, 0};

struct Name {
  std::string_view google, timm;
  const View& view;
};
const Name kTop[] = {{"embedding/kernel", "patch_embed.proj.weight", kConv},
                     {"embedding/bias", "patch_embed.proj.bias", kAsIs},
                     {"cls", "cls_token", kAsIs},
                     {"Transformer/posembed_input/pos_embedding", "pos_embed", kAsIs},
                     {"pos_embedding", "pos_embed", kAsIs},
                     {"Transformer/encoder_norm/scale", "norm.weight", kAsIs},
                     {"Transformer/encoder_norm/bias", "norm.bias", kAsIs}};
/// Modules carry numbers, which differ between vision_transformer (LayerNorm_2, MlpBlock_3) and
/// big_vision (LayerNorm_1, MlpBlock_0): only the first norm's matters.
const Name kInBlock[] = {
    {"LayerNorm_0/scale", "norm1.weight", kAsIs},
    {"LayerNorm_0/bias", "norm1.bias", kAsIs},
    {"LayerNorm/scale", "norm2.weight", kAsIs},
    {"LayerNorm/bias", "norm2.bias", kAsIs},
    {"MultiHeadDotProductAttention/query/kernel", "attn.qkv.weight", kToHeads},
    {"MultiHeadDotProductAttention/key/kernel", "attn.qkv.weight", kToHeads},
    {"MultiHeadDotProductAttention/value/kernel", "attn.qkv.weight", kToHeads},
    {"MultiHeadDotProductAttention/query/bias", "attn.qkv.bias", kHeadBias},
    {"MultiHeadDotProductAttention/key/bias", "attn.qkv.bias", kHeadBias},
    {"MultiHeadDotProductAttention/value/bias", "attn.qkv.bias", kHeadBias},
    {"MultiHeadDotProductAttention/out/kernel", "attn.proj.weight", kFromHeads},
    {"MultiHeadDotProductAttention/out/bias", "attn.proj.bias", kAsIs},
    {"MlpBlock/Dense_0/kernel", "mlp.fc1.weight", kDense},
    {"MlpBlock/Dense_0/bias", "mlp.fc1.bias", kAsIs},
    {"MlpBlock/Dense_1/kernel", "mlp.fc2.weight", kDense},
    {"MlpBlock/Dense_1/bias", "mlp.fc2.bias", kAsIs}};

template <size_t N>
const Name* find(const Name (&table)[N], std::string_view name) {
  const auto at =
      std::find_if(table, table + N, [&](const Name& known) { return known.google == name; });
  return at == table + N ? nullptr : at;
}

/// "MlpBlock_3/Dense_0/bias" -> "MlpBlock/Dense_0/bias", but LayerNorm_0 keeps its number.
std::string without_number(std::string_view name) {
  const size_t slash = name.find('/'), mark = name.substr(0, slash).rfind('_');
  if (mark == name.npos || slash == name.npos || name.starts_with("LayerNorm_0/"))
    return std::string(name);
  return std::string(name.substr(0, mark)) + std::string(name.substr(slash));
}

/// The stored tensor with its axes in timm's order, and the shape that timm gives it.
MappedTensor see(const std::string& timm, const StoredTensor& stored, const View& view) {
  MappedTensor out{timm, {stored}, stored.shape};
  const int rank = stored.shape.rank();
  if (static_cast<int>(view.axes.size()) != rank || stored.shape.numel() == 0) return out;
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < rank; ++i) {
    const int axis = view.axes[static_cast<size_t>(i)];
    out.sources[0].shape.set(i, stored.shape[axis]);
    out.sources[0].strides[static_cast<size_t>(i)] = stored.strides[static_cast<size_t>(axis)];
    (i < view.rows ? rows : columns) *= stored.shape[axis];
  }
  out.part = view.rows == 0      ? out.sources[0].shape
             : view.rows == rank ? Shape{rows}
                                 : Shape{rows, columns};
  return out;
}

}  // namespace

std::optional<std::string> google_prefix(const WeightFile& file) {
  std::optional<std::string> prefix;
  for (const StoredTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kPatch)) continue;
    const std::string before = tensor.name.substr(0, tensor.name.size() - kPatch.size());
    // Optimizer state has the same names behind a longer prefix.
    if ((before.empty() || before.back() == '/') && (!prefix || before.size() < prefix->size()))
      prefix = before;
  }
  return prefix;
}

NameMap map_google_names(const WeightFile& file, const std::string& prefix) {
  NameMap map;
  map.family = Family::google;
  std::map<std::string, std::array<std::optional<MappedTensor>, 3>> parts;  // query, key, value
  for (const StoredTensor& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with(prefix);
    const std::string_view rest = inside ? std::string_view(tensor.name).substr(prefix.size()) : "";
    const auto refuse_if = [&](bool there, const char* what) {
      require(!there, ErrorKind::kWeights, "read ", file.path(), ": ", tensor.name, " is ", what,
              ", which is not supported");
    };
    refuse_if(rest.starts_with("Transformer/encoderblock/"), "all blocks in one array");
    refuse_if(rest.starts_with("conv_root/"), "a convolutional stem (a hybrid with a ResNet)");
    std::string block, name(rest);
    if (rest.starts_with(kBlock)) {
      const size_t slash = rest.find('/', kBlock.size());
      const std::string_view number = rest.substr(kBlock.size(), slash - kBlock.size());
      refuse_if(slash == rest.npos || number.empty() || number.size() > 4 ||
                    number.find_first_not_of("0123456789") != number.npos,
                "a block without a number");
      block = "blocks." + std::string(number) + ".";
      name = without_number(rest.substr(slash + 1));
    }
    const Name* known = block.empty() ? find(kTop, name) : find(kInBlock, name);
    refuse_if(!known && !block.empty(), "a part that this ViT does not have");
    if (!known) {
      map.unused.push_back(tensor.name);
      continue;
    }
    MappedTensor mapped = see(block + std::string(known->timm), tensor, known->view);
    if (known->timm.starts_with("attn.qkv"))
      parts[mapped.name][name.find("/query/") != name.npos ? 0
                         : name.find("/key/") != name.npos ? 1
                                                           : 2] = mapped;
    else
      map.tensors.push_back(std::move(mapped));
  }
  for (auto& [name, three] : parts) {
    require(three[0] && three[1] && three[2] && three[0]->part == three[1]->part &&
                three[0]->part == three[2]->part && three[0]->part.rank() > 0,
            ErrorKind::kWeights, "read ", file.path(), ": query, key and value of ", name,
            " are not three of one shape");
    for (size_t i : {size_t{1}, size_t{2}}) three[0]->sources.push_back(three[i]->sources[0]);
    map.tensors.push_back(*three[0]);
  }
  if (!prefix.empty()) map.notes.push_back("names without their prefix '" + prefix + "'");
  return map;
}

}  // namespace lspt
