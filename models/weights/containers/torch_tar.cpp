#include "models/weights/containers/bytes.h"
#include "models/weights/containers/torch_file.h"
#include "models/weights/containers/torch_state.h"

namespace lspt {
namespace {

using Kind = Pickle::Kind;

/// POSIX tar: a header of 512 bytes, then the member, padded to 512.
constexpr size_t kTarBlock = 512, kNameSize = 100, kSizeAt = 124, kSizeSize = 12, kTypeAt = 156;

std::map<std::string, std::string_view> read_tar(const MappedFile& file) {
  std::map<std::string, std::string_view> members;
  ByteReader reader(file.bytes(), "read " + file.path() + ": tar archive");
  while (reader.left() >= kTarBlock) {
    const std::string_view header = reader.take(kTarBlock);
    if (header[0] == '\0') break;  // the end: blocks of zeros
    size_t size = 0;
    for (const char digit : header.substr(kSizeAt, kSizeSize)) {
      if (digit == ' ' || digit == '\0') continue;
      require(digit >= '0' && digit <= '7', ErrorKind::kWeights, "read ", file.path(),
              ": tar archive: a size that is no octal number at byte ", reader.at() - kTarBlock);
      size = size << 3 | static_cast<size_t>(digit - '0');  // up to 36 bits
    }
    const std::string_view data = reader.take(size);
    reader.take(std::min(reader.left(), (kTarBlock - size % kTarBlock) % kTarBlock));
    const std::string_view name = header.substr(0, kNameSize);
    const char type = header[kTypeAt];
    if (type == '0' || type == '\0') members[std::string(name.substr(0, name.find('\0')))] = data;
  }
  return members;
}

/// Keys are numbers, once they were pointers.
std::string key_of(const Pickle& pickle, Pickle::Index index) {
  const Pickle::Value& value = pickle[index];
  return value.kind == Kind::text ? value.text : std::to_string(value.integer);
}

class TarReader {
 public:
  explicit TarReader(const MappedFile& file) : what_("read " + file.path()) {
    members_ = read_tar(file);
    for (const char* name : {"storages", "tensors", "pickle"})
      check(
          members_.contains(name), "a tar archive without ", name,
          ": no PyTorch checkpoint; unpack it first (PyTorch's .pth.tar files are normally no tar "
          "archives)");
    table_.format = "PyTorch (before 0.1.10)";
  }

  WeightTable read() {
    read_storages();
    read_tensors();
    const Pickle pickle = Pickle::parse(members_.at("pickle"), what_ + ": pickle");
    const auto add = [&](const std::string& name, const Pickle::Value& value) {
      const auto found = tensors_.find(key_of(pickle, value.items[0]));
      if (found == tensors_.end()) return false;
      const Tensor& tensor = found->second;
      add_tensor(table_, name, tensor.storage.element, tensor.layout, tensor.storage.bytes, what_);
      return true;
    };
    read_state_dict(table_, pickle, {[](const std::string&) { return TorchStorage(); }, add},
                    what_);
    return std::move(table_);
  }

 private:
  struct Storage {
    Element element;
    TorchStorage bytes;
  };
  struct Tensor {
    Storage storage;
    TensorLayout layout;
  };

  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, ErrorKind::kWeights, what_, ": ", parts...);
  }

  /// The pickle that a member goes on with.
  Pickle next(const char* member, ByteReader& reader) const {
    size_t used = 0;
    Pickle pickle =
        Pickle::parse(members_.at(member).substr(reader.at()), what_ + ": " + member, &used);
    reader.take(used);
    return pickle;
  }

  /// How many items follow, by the pickle before them. A lie ends where the bytes do.
  int64_t next_count(const char* member, ByteReader& reader) const {
    return next(member, reader).root().integer;
  }

  /// A tuple of three: a key and two more.
  void check_triple(const Pickle& pickle, const char* member) const {
    check(pickle.root().kind == Kind::tuple && pickle.root().items.size() == 3, member,
          ": a value that is no triple");
  }

  /// Count; for each (key, location, class), i64 elements, bytes; a list of (key, root, offset,
  /// elements) of storages that are parts of others.
  void read_storages() {
    ByteReader reader(members_.at("storages"), what_ + ": storages");
    for (int64_t left = next_count("storages", reader); left > 0; --left) {
      const Pickle id = next("storages", reader);
      check_triple(id, "storages");
      const auto element = element_of_storage(id[id.root().items[2]].text);
      check(element.has_value(), "storages: elements of ", id[id.root().items[2]].text,
            " are not supported");
      const auto count = reader.get<int64_t>();
      check(count >= 0 && static_cast<uint64_t>(count) <= reader.left(), "storages: a storage of ",
            count, " elements reaches behind the end");
      const std::string_view bytes = reader.take(static_cast<size_t>(count) * size_of(*element));
      storages_[key_of(id, id.root().items[0])] = {
          *element, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), -1}};
    }
    const Pickle views = next("storages", reader);
    for (const Pickle::Index item : views.root().items) {
      const std::vector<Pickle::Index>& view = views[item].items;
      check(view.size() == 4, "storages: a view that is not (key, root, offset, elements)");
      Storage storage = storage_of(key_of(views, view[1]));
      const int64_t offset = views[view[2]].integer, count = views[view[3]].integer;
      const auto size = static_cast<int64_t>(size_of(storage.element));
      const int64_t most = static_cast<int64_t>(storage.bytes.bytes) / size;
      check(offset >= 0 && offset <= most && count >= 0 && count <= most - offset,
            "storages: a view that reaches outside its root");
      storage.bytes.data += offset * size;
      storage.bytes.bytes = static_cast<size_t>(count * size);
      storages_[key_of(views, view[0])] = storage;
    }
  }

  /// Count; for each (key, storage, class), i32 dimensions, 4 bytes, i64 sizes, strides, offset.
  void read_tensors() {
    ByteReader reader(members_.at("tensors"), what_ + ": tensors");
    for (int64_t left = next_count("tensors", reader); left > 0; --left) {
      const Pickle id = next("tensors", reader);
      check_triple(id, "tensors");
      const auto rank = reader.get<int32_t>();
      check(rank >= 0 && rank <= Shape::kMaxRank, "tensors: a tensor of ", rank, " dimensions");
      reader.take(4);
      TensorLayout layout;
      for (int32_t i = 0; i < rank; ++i) layout.sizes.push_back(reader.get<int64_t>());
      for (int32_t i = 0; i < rank; ++i) layout.strides.push_back(reader.get<int64_t>());
      layout.offset = reader.get<int64_t>();
      tensors_[key_of(id, id.root().items[0])] = {storage_of(key_of(id, id.root().items[1])),
                                                  layout};
    }
  }

  const Storage& storage_of(const std::string& key) const {
    const auto found = storages_.find(key);
    check(found != storages_.end(), "storage ", key, " is not in the file");
    return found->second;
  }

  std::string what_;
  std::map<std::string, std::string_view> members_;
  std::map<std::string, Storage> storages_;
  std::map<std::string, Tensor> tensors_;
  WeightTable table_;
};

}  // namespace

bool is_tar(std::string_view bytes) {
  return bytes.size() > 262 && bytes.substr(257, 5) == "ustar";
}

WeightTable read_torch_tar(const MappedFile& file) { return TarReader(file).read(); }

}  // namespace lspt
