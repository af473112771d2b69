#include "models/weights/containers/bytes.h"
#include "models/weights/containers/torch_file.h"
#include "models/weights/containers/torch_state.h"

namespace lspt {
namespace {

using Kind = Pickle::Kind;

/// 0x1950a86a20f9469cfc6c as a pickled number, then STOP.
constexpr std::string_view kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

class LegacyReader {
 public:
  explicit LegacyReader(const MappedFile& file) : file_(file), what_("read " + file.path()) {}

  WeightTable read() {
    next("magic number");
    check(next("protocol").root().integer == 1001, "an unknown version of PyTorch's old format");
    const Pickle machine = next("machine");
    const Pickle::Value* little = machine.get(machine.root(), "little_endian");
    check(little && little->kind == Kind::boolean, "it does not say its byte order");
    check(little->integer == 1,
          "written by a big-endian machine; save it again on a little-endian one");
    const Pickle object = next("object");
    find_storages(object);

    WeightTable table;
    table.format = "PyTorch (before 1.6)";
    const TorchParts parts{[&](const std::string& key) -> TorchStorage {
      const auto found = storages_.find(key);
      return found == storages_.end() ? TorchStorage() : found->second;
    }};
    read_state_dict(table, object, parts, what_);
    if (at_ < file_.size())
      table.notes.push_back(std::to_string(file_.size() - at_) +
                            " bytes behind the last storage are ignored");
    return table;
  }

 private:
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, ErrorKind::kWeights, what_, ": ", parts...);
  }

  Pickle next(const std::string& name) {
    size_t used = 0;
    Pickle pickle = Pickle::parse(file_.bytes().substr(at_), what_ + ": " + name, &used);
    at_ += used;
    return pickle;
  }

  /// The list of keys says in which order the storages lie; how large an element is, only the
  /// object does, where it first names the storage.
  void find_storages(const Pickle& object) {
    std::map<std::string, StorageId> named;
    for (const Pickle::Value& value : object.values())
      if (const auto id = storage_id(object, value, what_)) named.try_emplace(id->key, *id);
    const Pickle keys = next("list of storages");
    ByteReader reader(file_.bytes(), what_, at_);
    for (const Pickle::Index item : keys.root().items) {
      const std::string& key = keys[item].text;
      const auto id = named.find(key);
      check(id != named.end() && !storages_.contains(key), "storage ", key,
            " is in its list but not in its object, or twice");
      const auto count = reader.get<int64_t>();
      check(count == id->second.count, "storage ", key, " has ", count, " elements, ",
            id->second.count, " expected");
      check(count >= 0 && static_cast<uint64_t>(count) <= reader.left(), "storage ", key, " of ",
            count, " elements reaches behind the file's end: truncated; download or copy it again");
      const size_t bytes = static_cast<size_t>(count) * size_of(id->second.element);
      storages_[key] = {reinterpret_cast<const uint8_t*>(reader.take(bytes).data()), bytes, -1};
    }
    at_ = reader.at();
  }

  const MappedFile& file_;
  std::string what_;
  size_t at_ = 0;
  std::map<std::string, TorchStorage> storages_;
};

}  // namespace

bool is_torch_legacy(std::string_view bytes) {
  // Protocol 2 begins with PROTO; 4 and 5 have a FRAME of nine bytes between.
  const auto magic_at = [&](size_t at) {
    return bytes.size() > at && bytes.substr(at).starts_with(kMagic);
  };
  return bytes.starts_with('\x80') && (magic_at(2) || magic_at(11));
}

WeightTable read_torch_legacy(const MappedFile& file) { return LegacyReader(file).read(); }

}  // namespace lspt
