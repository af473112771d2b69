#include "models/weights/torch_state.h"

#include <algorithm>
#include <set>

namespace lspt {
namespace {

constexpr ErrorKind kKind = ErrorKind::kWeights;
using Kind = Pickle::Kind;
using Node = Pickle::Node;

template <size_t N>
std::optional<Element> look_up(const std::pair<std::string_view, Element> (&table)[N],
                               std::string_view name) {
  for (const auto& [known, element] : table)
    if (name == known) return element;
  return std::nullopt;
}

std::optional<Element> element_of_dtype(std::string_view global) {
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

class StateDictReader {
 public:
  StateDictReader(WeightTable& table, const Pickle& pickle, const TorchParts& parts,
                  const std::string& what)
      : table_(table), pickle_(pickle), parts_(parts), what_(what) {}

  void read() {
    for (const std::string& name : pickle_.foreign())
      table_.notes.push_back(name + " carried as opaque");
    const Node& dict = state_dict();
    for (const char* key : {"family", "source"}) {
      const Node* value = pickle_.get(pickle_.root(), key);
      if (value && value->kind == Kind::text) table_.metadata[key] = value->text;
    }
    std::set<std::string_view> names;
    size_t skipped = 0;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Node &key = pickle_[dict.items[i]], &value = pickle_[dict.items[i + 1]];
      if (key.kind != Kind::text || !is_tensor(value)) {
        ++skipped;
        continue;
      }
      check(names.insert(key.text).second, "tensor ", key.text, " twice");
      read_tensor(key.text, value);
    }
    if (skipped > 0)
      table_.notes.push_back(std::to_string(skipped) + " entries of the state dict are no tensors");
  }

 private:
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, kKind, what_, ": ", parts...);
  }

  /// A call of a _rebuild_tensor function.
  struct Rebuild {
    const Node* arguments = nullptr;
    bool dtype = false;  // v3: the element type is an argument, the storage is bytes
  };
  /// The rebuild that a value is, through torch.nn.Parameter and tensor subclasses.
  Rebuild rebuild_of(const Node& value) const {
    const Node* node = &value;
    for (int wrapped = 0; wrapped < 4 && node->kind == Kind::call; ++wrapped) {
      const Node *function = &pickle_[node->items[0]], *arguments = &pickle_[node->items[1]];
      // (function, type, arguments, state)
      if (function->text == "torch._tensor._rebuild_from_type_v2" && arguments->items.size() > 2) {
        function = &pickle_[arguments->items[0]];
        arguments = &pickle_[arguments->items[2]];
      }
      const std::string_view name = function->text;
      if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor")
        return {arguments};
      if (name == "torch._utils._rebuild_tensor_v3") return {arguments, true};
      const bool parameter = name == "torch._utils._rebuild_parameter" ||
                             name == "torch._utils._rebuild_parameter_with_state";
      if (!parameter || arguments->items.empty()) break;
      node = &pickle_[arguments->items[0]];
    }
    return {};
  }

  bool is_tensor(const Node& value) const {
    return rebuild_of(value).arguments || (value.kind == Kind::persistent && parts_.tensor);
  }
  bool has_tensors(const Node& dict) const {
    if (dict.kind != Kind::dict) return false;
    for (size_t i = 1; i < dict.items.size(); i += 2)
      if (is_tensor(pickle_[dict.items[i]])) return true;
    return false;
  }

  const Node& state_dict() {
    const Node& root = pickle_.root();
    for (const char* key :
         {"state_dict", "model", "teacher", "student", "model_state_dict", "net"}) {
      const Node* inner = pickle_.get(root, key);
      if (!inner || !has_tensors(*inner)) continue;
      table_.wrapper = key;
      if (table_.wrapper == "teacher" && pickle_.get(root, "student"))
        table_.notes.push_back("the teacher's weights are taken, the student's ignored");
      return *inner;
    }
    check(root.kind != Kind::call,
          "a pickled module, not a state dict; save module.state_dict() instead");
    check(has_tensors(root),
          "no state dict: neither the top level nor 'state_dict', 'model', 'teacher' or 'student' "
          "holds tensors");
    return root;
  }

  std::vector<int64_t> integers(const std::string& name, const Node& tuple) const {
    check(tuple.kind == Kind::tuple && tuple.items.size() <= Shape::kMaxRank, "tensor ", name,
          ": a size or stride that is no tuple of up to ", Shape::kMaxRank, " numbers");
    std::vector<int64_t> values;
    for (const Pickle::Index item : tuple.items) {
      check(pickle_[item].kind == Kind::integer, "tensor ", name,
            ": a size or stride that is no number");
      values.push_back(pickle_[item].integer);
    }
    return values;
  }

  /// arguments: (storage, offset, size, stride, requires_grad, hooks[, dtype, ...]).
  void read_tensor(const std::string& name, const Node& value) {
    const auto [arguments, has_dtype] = rebuild_of(value);
    if (!arguments) {
      check(parts_.tensor(name, value), "tensor ", name, " is not in the file");
      return;
    }
    check(arguments->items.size() >= (has_dtype ? 7 : 4), "tensor ", name, ": ",
          arguments->items.size(), " arguments, at least ", has_dtype ? 7 : 4, " expected");
    const auto id = storage_id(pickle_, pickle_[arguments->items[0]], what_ + ": tensor " + name);
    check(id.has_value(), "tensor ", name, ": its storage is not named as PyTorch names storages");
    const Node& start = pickle_[arguments->items[1]];
    check(start.kind == Kind::integer, "tensor ", name, ": an offset that is no number");
    TensorLayout layout{start.integer, integers(name, pickle_[arguments->items[2]]),
                        integers(name, pickle_[arguments->items[3]])};

    TorchStorage storage = parts_.storage(id->key);
    check(storage.data, "tensor ", name, ": storage ", id->key, " is not in the file");
    const auto size = static_cast<int64_t>(size_of(id->element));
    check(id->count >= 0 && static_cast<__int128>(id->count) * size == storage.bytes, "tensor ",
          name, ": storage ", id->key, " has ", storage.bytes, " bytes, ", id->count,
          " elements of ", name_of(id->element), " expected");
    if (id->view_count >= 0) {
      check(id->view_offset >= 0 && id->view_offset <= id->count &&
                id->view_count <= id->count - id->view_offset,
            "tensor ", name, ": a view that reaches outside storage ", id->key);
      storage.data += id->view_offset * size;
      storage.bytes = static_cast<size_t>(id->view_count * size);
    }
    std::optional<Element> element = id->element;
    if (has_dtype) {
      const std::string& dtype = pickle_[arguments->items[6]].text;
      element = element_of_dtype(dtype);
      check(element.has_value(), "tensor ", name, ": elements of ", dtype, " are not supported");
    }
    add_tensor(table_, name, *element, layout, storage, what_);
  }

  WeightTable& table_;
  const Pickle& pickle_;
  const TorchParts& parts_;
  const std::string& what_;
};

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

std::optional<StorageId> storage_id(const Pickle& pickle, const Node& node,
                                    const std::string& what) {
  if (node.kind != Kind::persistent) return std::nullopt;
  const std::vector<Pickle::Index>& fields = pickle[node.items[0]].items;
  if (fields.size() < 5 || fields.size() > 6 || pickle[fields[0]].text != "storage")
    return std::nullopt;
  const Node &type = pickle[fields[1]], &key = pickle[fields[2]], &count = pickle[fields[4]];
  const auto element = element_of_storage(type.text);
  require(element.has_value(), kKind, what, ": elements of ", type.text, " are not supported");
  require(key.kind == Kind::text && count.kind == Kind::integer, kKind, what,
          ": a storage without key or size");
  StorageId id{*element, key.text, count.integer};
  if (fields.size() == 6 && pickle[fields[5]].kind != Kind::none) {
    const std::vector<Pickle::Index>& view = pickle[fields[5]].items;
    require(view.size() == 3 && pickle[view[1]].kind == Kind::integer &&
                pickle[view[2]].kind == Kind::integer && pickle[view[2]].integer >= 0,
            kKind, what, ": a view that is not (key, offset, elements)");
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
          kKind, what, ": tensor ", name, ": a size or stride that is negative");
  require(sizes.size() == strides.size() && sizes.size() <= Shape::kMaxRank && offset >= 0, kKind,
          what, ": tensor ", name, ": sizes, strides and offset do not fit together");
  const auto count = static_cast<__int128>(storage.bytes / size_of(element));
  constexpr __int128 kMost = __int128{1} << 60;
  __int128 numel = 1, last = offset;
  bool empty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    empty |= sizes[i] == 0;
    numel = std::min(numel * std::max<int64_t>(sizes[i], 1), kMost);
    last = std::min(last + static_cast<__int128>(sizes[i] - 1) * strides[i], count);
  }
  require(numel < kMost, kKind, what, ": tensor ", name, ": its size ", Shape(sizes),
          " is not possible");
  // More elements than the storage has would be an expanded tensor: one byte claiming gigabytes.
  require(empty || (last < count && numel <= count), kKind, what, ": tensor ", name,
          " reaches outside its storage of ", static_cast<int64_t>(count), " elements (offset ",
          offset, ", size ", Shape(sizes), ")");
  StoredTensor tensor{name, Shape(sizes), element, {}, nullptr, storage.part};
  std::copy(strides.begin(), strides.end(), tensor.strides.begin());
  if (!empty) tensor.data = storage.data + static_cast<size_t>(offset) * size_of(element);
  table.tensors.push_back(std::move(tensor));
}

void read_state_dict(WeightTable& table, const Pickle& pickle, const TorchParts& parts,
                     const std::string& what) {
  StateDictReader(table, pickle, parts, what).read();
}

}  // namespace lspt
