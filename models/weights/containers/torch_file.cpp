#include "models/weights/containers/torch_file.h"

#include "models/weights/containers/torch_state.h"
#include "models/weights/containers/zip.h"

namespace lspt {
namespace {

class ZipReader {
 public:
  explicit ZipReader(const MappedFile& file) : file_(file), members_(read_zip_directory(file)) {
    for (const ZipMember& member : members_) by_name_[member.name] = &member;
    find_root();
  }

  WeightTable read() {
    const std::string what = "read " + file_.path();
    const ZipMember& member = *by_name_.at(root_ + "data.pkl");
    check(!member.deflated, member.name, " is compressed; PyTorch stores its members as they are");
    add_part(member);
    const Pickle pickle = Pickle::parse(view(member), what + ": " + member.name);
    table_.format = "PyTorch";
    const TorchParts parts{[&](const std::string& key) -> TorchStorage {
      const auto found = by_name_.find(root_ + "data/" + key);
      if (found == by_name_.end()) return {};
      const ZipMember& storage = *found->second;
      check(!storage.deflated, storage.name, " is compressed; PyTorch stores its members");
      return {file_.data() + storage.offset, storage.size, add_part(storage)};
    }};
    read_state_dict(table_, pickle, parts, what);
    return std::move(table_);
  }

 private:
  std::string_view view(const ZipMember& member) const {
    return file_.bytes().substr(member.offset, member.packed);
  }
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    require(condition, ErrorKind::kWeights, "read ", file_.path(), ": ", parts...);
  }

  /// The folder that everything is in is named after the file that torch.save wrote.
  void find_root() {
    const ZipMember* pickle = nullptr;
    for (const ZipMember& member : members_) {
      const size_t slash = member.name.find('/');
      if (slash == std::string::npos || member.name.substr(slash) != "/data.pkl") continue;
      check(!pickle, "two data.pkl in one archive");
      pickle = &member;
      root_ = member.name.substr(0, slash + 1);
    }
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

  const MappedFile& file_;
  std::vector<ZipMember> members_;
  std::map<std::string, const ZipMember*> by_name_;
  std::map<std::string, int> parts_;
  std::string root_;  // "NAME/"
  WeightTable table_;
};

}  // namespace

WeightTable read_torch(const MappedFile& file) { return ZipReader(file).read(); }

}  // namespace lspt
