#include <algorithm>

#include "models/weights/containers/torch_state.h"

namespace lspt {
namespace {

using Kind = Pickle::Kind;

template <size_t N>
std::optional<Element> look_up(const std::pair<std::string_view, Element> (&table)[N],
                               std::string_view name) {
  for (const auto& [known, element] : table)
    if (name == known) return element;
  return std::nullopt;
}

}  // namespace

std::optional<Element> element_of_storage(std::string_view global) {
  constexpr std::pair<std::string_view, Element> kStorages[] = {
      {"torch.FloatStorage", Element::f32},
      {"torch.DoubleStorage", Element::f64},
      {"torch.HalfStorage", Element::f16},
      {"torch.BFloat16Storage", Element::bf16},
      {"torch.LongStorage", Element::i64},
      {"torch.IntStorage", Element::i32},
      {"torch.ShortStorage", Element::i16},
      {"torch.CharStorage", Element::i8},
      {"torch.ByteStorage", Element::u8},
      {"torch.BoolStorage", Element::boolean},
      {"torch.storage.UntypedStorage", Element::u8},
      {"torch.UntypedStorage", Element::u8}};
  return look_up(kStorages, global);
}

std::optional<Element> element_of_torch_dtype(std::string_view global) {
  constexpr std::pair<std::string_view, Element> kDtypes[] = {
      {"torch.float32", Element::f32}, {"torch.float64", Element::f64},
      {"torch.float16", Element::f16}, {"torch.bfloat16", Element::bf16},
      {"torch.int64", Element::i64},   {"torch.int32", Element::i32},
      {"torch.int16", Element::i16},   {"torch.int8", Element::i8},
      {"torch.uint64", Element::u64},  {"torch.uint32", Element::u32},
      {"torch.uint16", Element::u16},  {"torch.uint8", Element::u8},
      {"torch.bool", Element::boolean}};
  return look_up(kDtypes, global);
}

std::optional<StorageId> storage_id(const Pickle& pickle, const Pickle::Value& value,
                                    const std::string& what) {
  if (value.kind != Kind::persistent) return std::nullopt;
  const std::vector<Pickle::Index>& fields = pickle[value.items[0]].items;
  if (fields.size() < 5 || fields.size() > 6 || pickle[fields[0]].text != "storage")
    return std::nullopt;
  const Pickle::Value &type = pickle[fields[1]], &key = pickle[fields[2]],
                      &count = pickle[fields[4]];
  const auto element = element_of_storage(type.text);
  require(element.has_value(), ErrorKind::kWeights, what, ": elements of ", type.text,
          " are not supported");
  require(key.kind == Kind::text && count.kind == Kind::integer, ErrorKind::kWeights, what,
          ": a storage without key or size");
  StorageId id{*element, key.text, count.integer};
  if (fields.size() == 6 && pickle[fields[5]].kind != Kind::none) {
    const std::vector<Pickle::Index>& view = pickle[fields[5]].items;
    require(view.size() == 3 && pickle[view[1]].kind == Kind::integer &&
                pickle[view[2]].kind == Kind::integer && pickle[view[2]].integer >= 0,
            ErrorKind::kWeights, what, ": a view that is not (key, offset, elements)");
    id.view_offset = pickle[view[1]].integer;
    id.view_count = pickle[view[2]].integer;
  }
  return id;
}

void add_tensor(WeightTable& table, const std::string& name, Element element,
                const TensorLayout& layout, const TorchStorage& storage, const std::string& what) {
  const auto& [offset, sizes, strides] = layout;
  const auto negative = [](int64_t value) { return value < 0; };
  require(std::none_of(sizes.begin(), sizes.end(), negative) &&
              std::none_of(strides.begin(), strides.end(), negative),
          ErrorKind::kWeights, what, ": tensor ", name, ": a size or stride that is negative");
  require(sizes.size() == strides.size() && sizes.size() <= Shape::kMaxRank && offset >= 0,
          ErrorKind::kWeights, what, ": tensor ", name,
          ": sizes, strides and offset do not fit together");
  const auto count = static_cast<__int128>(storage.bytes / size_of(element));
  constexpr __int128 kMost = __int128{1} << 60;
  __int128 numel = 1, last = offset;
  bool empty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    empty |= sizes[i] == 0;
    numel = std::min(numel * std::max<int64_t>(sizes[i], 1), kMost);
    last = std::min(last + static_cast<__int128>(sizes[i] - 1) * strides[i], count);
  }
  require(numel < kMost, ErrorKind::kWeights, what, ": tensor ", name, ": its size ", Shape(sizes),
          " is not possible");
  // More elements than the storage has would be an expanded tensor: one byte claiming gigabytes.
  require(empty || (last < count && numel <= count), ErrorKind::kWeights, what, ": tensor ", name,
          " reaches outside its storage of ", static_cast<int64_t>(count), " elements (offset ",
          offset, ", size ", Shape(sizes), ")");
  StoredTensor tensor{name, Shape(sizes), element, {}, nullptr, storage.part};
  std::copy(strides.begin(), strides.end(), tensor.strides.begin());
  if (!empty) tensor.data = storage.data + static_cast<size_t>(offset) * size_of(element);
  table.tensors.push_back(std::move(tensor));
}

}  // namespace lspt
