#include "models/weights/torch_file.h"

#include <optional>
#include <set>

#include "models/weights/pickle.h"
#include "models/weights/zip.h"

namespace lspt {
namespace {

constexpr ErrorKind kKind = ErrorKind::kWeights;
using Kind = Pickle::Kind;

std::optional<Element> element_of_storage(std::string_view global) {
  static const std::map<std::string_view, Element> elements = {
      {"torch.DoubleStorage", Element::f64}, {"torch.FloatStorage", Element::f32},
      {"torch.HalfStorage", Element::f16},   {"torch.BFloat16Storage", Element::bf16},
      {"torch.LongStorage", Element::i64},   {"torch.IntStorage", Element::i32},
      {"torch.ShortStorage", Element::i16},  {"torch.CharStorage", Element::i8},
      {"torch.ByteStorage", Element::u8},    {"torch.BoolStorage", Element::boolean}};
  const auto found = elements.find(global);
  return found == elements.end() ? std::nullopt : std::optional(found->second);
}

class TorchReader {
 public:
  explicit TorchReader(const MappedFile& file) : file_(file), members_(read_zip_directory(file)) {
    for (const ZipMember& member : members_) by_name_[member.name] = &member;
    find_root();
  }

  WeightTable read() {
    const ZipMember& member = *by_name_.at(root_ + "data.pkl");
    add_part(member);
    pickle_ = Pickle::parse(view(member), "read " + file_.path() + ": " + member.name);
    table_.format = "PyTorch";
    for (const std::string& name : pickle_.foreign())
      table_.notes.push_back(name + " carried as opaque");
    const Pickle::Node& dict = state_dict();
    std::set<std::string_view> names;
    size_t skipped = 0;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Pickle::Node &key = pickle_[dict.items[i]], &value = pickle_[dict.items[i + 1]];
      const Pickle::Node* tensor = tensor_arguments(value);
      if (key.kind != Kind::text || !tensor) {
        ++skipped;
        continue;
      }
      require(names.insert(key.text).second, kKind, "read ", file_.path(), ": tensor ", key.text,
              " twice");
      read_tensor(key.text, *tensor);
    }
    if (skipped > 0)
      table_.notes.push_back(std::to_string(skipped) + " entries of the state dict are no tensors");
    return std::move(table_);
  }

 private:
  std::string_view view(const ZipMember& member) const {
    return file_.bytes().substr(member.offset, member.size);
  }
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, kKind, "read ", file_.path(), ": ", parts...);
  }

  /// The folder that everything is in is named after the file that torch.save wrote.
  void find_root() {
    const ZipMember* pickle = nullptr;
    bool arrays = false;
    for (const ZipMember& member : members_) {
      const size_t slash = member.name.find('/');
      arrays |= member.name.ends_with(".npy");
      if (slash == std::string::npos || member.name.substr(slash) != "/data.pkl") continue;
      check(!pickle, "two data.pkl in one archive");
      pickle = &member;
      root_ = member.name.substr(0, slash + 1);
    }
    check(pickle || !arrays, "a NumPy .npz archive; convert it to .safetensors first");
    check(pickle, "a zip archive without data.pkl: no PyTorch checkpoint");
    for (const ZipMember& member : members_)
      check(member.name != root_ + "constants.pkl" && !member.name.starts_with(root_ + "code/"),
            "a TorchScript program; save the module's state_dict() instead");
    const auto order = by_name_.find(root_ + "byteorder");
    check(order == by_name_.end() || view(*order->second) == "little",
          "written by a big-endian machine; save it again on a little-endian one");
  }

  int add_part(const ZipMember& member) {
    const auto found = parts_.find(member.name);
    if (found != parts_.end()) return found->second;
    table_.parts.push_back({member.name, file_.data() + member.offset, member.size, member.crc});
    return parts_[member.name] = static_cast<int>(table_.parts.size()) - 1;
  }

  bool has_tensors(const Pickle::Node& dict) const {
    if (dict.kind != Kind::dict) return false;
    for (size_t i = 1; i < dict.items.size(); i += 2)
      if (tensor_arguments(pickle_[dict.items[i]])) return true;
    return false;
  }

  const Pickle::Node& state_dict() {
    const Pickle::Node& root = pickle_.root();
    for (const char* key :
         {"state_dict", "model", "teacher", "student", "model_state_dict", "net"}) {
      const Pickle::Node* inner = pickle_.get(root, key);
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

  /// Arguments of the _rebuild_tensor that the value is, through torch.nn.Parameter and tensor
  /// subclasses; nullptr if it is something else.
  const Pickle::Node* tensor_arguments(const Pickle::Node& value) const {
    const Pickle::Node* node = &value;
    for (int wrapped = 0; wrapped < 4 && node->kind == Kind::call; ++wrapped) {
      const Pickle::Node& arguments = pickle_[node->items[1]];
      if (pickle_.calls(*node, "torch._utils._rebuild_tensor_v2") ||
          pickle_.calls(*node, "torch._utils._rebuild_tensor"))
        return &arguments;
      if (!pickle_.calls(*node, "torch._utils._rebuild_parameter") &&
          !pickle_.calls(*node, "torch._utils._rebuild_parameter_with_state"))
        return nullptr;
      if (arguments.items.empty()) return nullptr;
      node = &pickle_[arguments.items[0]];
    }
    return nullptr;
  }

  std::vector<int64_t> integers(const std::string& name, const Pickle::Node& tuple) const {
    check(tuple.kind == Kind::tuple && tuple.items.size() <= Shape::kMaxRank, "tensor ", name,
          ": a size or stride that is no tuple of up to ", Shape::kMaxRank, " numbers");
    std::vector<int64_t> values;
    for (const Pickle::Index item : tuple.items) {
      check(pickle_[item].kind == Kind::integer && pickle_[item].integer >= 0, "tensor ", name,
            ": a size or stride that is negative or no number");
      values.push_back(pickle_[item].integer);
    }
    return values;
  }

  /// arguments: (storage, offset, size, stride, ...), offset and strides in elements.
  void read_tensor(const std::string& name, const Pickle::Node& arguments) {
    check(arguments.items.size() >= 4, "tensor ", name, ": ", arguments.items.size(),
          " arguments, at least 4 expected");
    const auto [member, element] = storage(name, pickle_[arguments.items[0]]);
    const Pickle::Node& start = pickle_[arguments.items[1]];
    const std::vector<int64_t> sizes = integers(name, pickle_[arguments.items[2]]);
    const std::vector<int64_t> strides = integers(name, pickle_[arguments.items[3]]);
    check(sizes.size() == strides.size() && start.kind == Kind::integer && start.integer >= 0,
          "tensor ", name, ": sizes, strides and offset do not fit together");

    const auto count = static_cast<__int128>(member->size / size_of(element));
    constexpr __int128 kMost = __int128{1} << 60;
    __int128 numel = 1, last = start.integer;
    bool empty = false;
    for (size_t i = 0; i < sizes.size(); ++i) {
      empty |= sizes[i] == 0;
      numel = std::min(numel * std::max<int64_t>(sizes[i], 1), kMost);
      last = std::min(last + static_cast<__int128>(sizes[i] - 1) * strides[i], count);
    }
    check(numel < kMost, "tensor ", name, ": its size ", Shape(sizes), " is not possible");
    // More elements than the storage has would be an expanded tensor: one byte claiming gigabytes.
    check(empty || (last < count && numel <= count), "tensor ", name,
          " reaches outside its storage of ", static_cast<int64_t>(count), " elements (offset ",
          start.integer, ", size ", Shape(sizes), ")");
    StoredTensor tensor{name, Shape(sizes), element, {}, nullptr, add_part(*member)};
    std::copy(strides.begin(), strides.end(), tensor.strides.begin());
    if (!empty)
      tensor.data =
          file_.data() + member->offset + static_cast<size_t>(start.integer) * size_of(element);
    table_.tensors.push_back(std::move(tensor));
  }

  /// id: ('storage', torch.XStorage, key, location, elements).
  std::pair<const ZipMember*, Element> storage(const std::string& name,
                                               const Pickle::Node& id) const {
    check(id.kind == Kind::persistent && pickle_[id.items[0]].kind == Kind::tuple &&
              pickle_[id.items[0]].items.size() == 5,
          "tensor ", name, ": its storage is not named as PyTorch names storages");
    const std::vector<Pickle::Index>& fields = pickle_[id.items[0]].items;
    const Pickle::Node &type = pickle_[fields[1]], &key = pickle_[fields[2]],
                       &count = pickle_[fields[4]];
    const auto element = element_of_storage(type.text);
    check(element.has_value(), "tensor ", name, ": elements of ", type.text, " are not supported");
    const auto member = by_name_.find(root_ + "data/" + key.text);
    check(member != by_name_.end(), "tensor ", name, ": storage ", key.text, " is not in the file");
    check(count.kind == Kind::integer && count.integer >= 0 &&
              static_cast<__int128>(count.integer) * size_of(*element) == member->second->size,
          "tensor ", name, ": storage ", key.text, " has ", member->second->size, " bytes, ",
          count.integer, " elements of ", name_of(*element), " expected");
    return {member->second, *element};
  }

  const MappedFile& file_;
  std::vector<ZipMember> members_;
  std::map<std::string, const ZipMember*> by_name_;
  std::map<std::string, int> parts_;
  std::string root_;  // "NAME/"
  Pickle pickle_;
  WeightTable table_;
};

}  // namespace

WeightTable read_torch(const MappedFile& file) { return TorchReader(file).read(); }

}  // namespace lspt
