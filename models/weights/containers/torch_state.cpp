#include "models/weights/containers/torch_state.h"

#include <set>

namespace lspt {
namespace {

using Kind = Pickle::Kind;

class StateDictReader {
 public:
  StateDictReader(WeightTable& table, const Pickle& pickle, const TorchParts& parts,
                  const std::string& what)
      : table_(table), pickle_(pickle), parts_(parts), what_(what) {}

  void read() {
    for (const std::string& name : pickle_.foreign())
      table_.notes.push_back(name + " carried as opaque");
    const Pickle::Value& dict = state_dict();
    for (const char* key : {"family", "source", "normalization", "fc_norm"}) {
      const Pickle::Value* value = pickle_.get(pickle_.root(), key);
      if (value && value->kind == Kind::text) table_.metadata[key] = value->text;
    }
    std::set<std::string_view> names;
    size_t skipped = 0;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Pickle::Value &key = pickle_[dict.items[i]], &value = pickle_[dict.items[i + 1]];
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
    require(condition, ErrorKind::kWeights, what_, ": ", parts...);
  }

  /// A call of a _rebuild_tensor function.
  struct Rebuild {
    const Pickle::Value* arguments = nullptr;
    bool dtype = false;  // v3: the element type is an argument, the storage is bytes
  };
  /// The rebuild that a value is, through torch.nn.Parameter and tensor subclasses.
  Rebuild rebuild_of(const Pickle::Value& value) const {
    const Pickle::Value* inner = &value;
    for (int wrapped = 0; wrapped < 4 && inner->kind == Kind::call; ++wrapped) {
      const Pickle::Value *function = &pickle_[inner->items[0]],
                          *arguments = &pickle_[inner->items[1]];
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
      inner = &pickle_[arguments->items[0]];
    }
    return {};
  }

  bool is_tensor(const Pickle::Value& value) const {
    return rebuild_of(value).arguments || (value.kind == Kind::persistent && parts_.tensor);
  }
  bool has_tensors(const Pickle::Value& dict) const {
    if (dict.kind != Kind::dict) return false;
    for (size_t i = 1; i < dict.items.size(); i += 2)
      if (is_tensor(pickle_[dict.items[i]])) return true;
    return false;
  }

  const Pickle::Value& state_dict() {
    const Pickle::Value& root = pickle_.root();
    for (const char* key :
         {"state_dict", "model", "teacher", "student", "model_state_dict", "net"}) {
      const Pickle::Value* inner = pickle_.get(root, key);
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

  std::vector<int64_t> integers(const std::string& name, const Pickle::Value& tuple) const {
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
  void read_tensor(const std::string& name, const Pickle::Value& value) {
    const auto [arguments, has_dtype] = rebuild_of(value);
    if (!arguments) {
      check(parts_.tensor(name, value), "tensor ", name, " is not in the file");
      return;
    }
    check(arguments->items.size() >= (has_dtype ? 7 : 4), "tensor ", name, ": ",
          arguments->items.size(), " arguments, at least ", has_dtype ? 7 : 4, " expected");
    const auto id = storage_id(pickle_, pickle_[arguments->items[0]], what_ + ": tensor " + name);
    check(id.has_value(), "tensor ", name, ": its storage is not named as PyTorch names storages");
    const Pickle::Value& start = pickle_[arguments->items[1]];
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
      element = element_of_torch_dtype(dtype);
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

void read_state_dict(WeightTable& table, const Pickle& pickle, const TorchParts& parts,
                     const std::string& what) {
  StateDictReader(table, pickle, parts, what).read();
}

}  // namespace lspt
