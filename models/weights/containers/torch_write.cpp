#include <zlib.h>

#include "models/weights/containers/encode.h"
#include "models/weights/containers/torch_file.h"

namespace lspt {
namespace {

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A zip archive of stored members whose data begin at multiples of 64, as PyTorch wants them.
class ZipWriter {
 public:
  ZipWriter(FileSink& sink, const std::string& path) : sink_(sink), path_(path) {}

  void add(const std::string& name, std::string_view data) {
    const size_t start = at_ + kHeader + name.size() + 4;
    const size_t padding = (kAlignment - start % kAlignment) % kAlignment;
    // No zip64 here: a ViT-L in f32 has 1.2 GB.
    require(start + padding + data.size() < 0xffffffffu && count_ < 0xffff, ErrorKind::kWrite,
            "write ", path_, ": more than 4 GB; write .safetensors instead");
    const auto size = static_cast<uint32_t>(data.size());
    const auto crc = static_cast<uint32_t>(
        crc32_z(0, reinterpret_cast<const unsigned char*>(data.data()), data.size()));
    // Flags, method, time, date (1 January 1980), CRC, sizes, length of the name.
    const std::string common = bytes_of(uint16_t{0}) + bytes_of(uint16_t{0}) +
                               bytes_of(uint16_t{0}) + bytes_of(uint16_t{0x21}) + bytes_of(crc) +
                               bytes_of(size) + bytes_of(size) +
                               bytes_of(static_cast<uint16_t>(name.size()));
    const std::string extra =
        "FB" + bytes_of(static_cast<uint16_t>(padding)) + std::string(padding, 'Z');
    central_ += "PK\x01\x02" + bytes_of(uint32_t{0}) + common + std::string(12, '\0') +
                bytes_of(static_cast<uint32_t>(at_)) + name;
    write("PK\x03\x04" + bytes_of(uint16_t{0}) + common +
          bytes_of(static_cast<uint16_t>(extra.size())) + name + extra);
    write(data);
    ++count_;
  }

  void finish() {
    const auto begin = static_cast<uint32_t>(at_), size = static_cast<uint32_t>(central_.size());
    write(central_ + "PK\x05\x06" + bytes_of(uint32_t{0}) + bytes_of(count_) + bytes_of(count_) +
          bytes_of(size) + bytes_of(begin) + bytes_of(uint16_t{0}));
  }

 private:
  static constexpr size_t kHeader = 30, kAlignment = 64;
  void write(std::string_view bytes) {
    sink_.write(bytes);
    at_ += bytes.size();
  }
  FileSink& sink_;
  const std::string& path_;
  size_t at_ = 0;
  uint16_t count_ = 0;
  std::string central_;
};

// Pickle, protocol 2.
std::string text(const std::string& value) {
  return "X" + bytes_of(static_cast<uint32_t>(value.size())) + value;
}
std::string number(int64_t value) {
  return value < (int64_t{1} << 31) ? "J" + bytes_of(static_cast<int32_t>(value))
                                    : "\x8a\x08" + bytes_of(value);
}
std::string tuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += number(value);
  return out + "t";
}
const std::string kOrderedDict = "ccollections\nOrderedDict\n)R";

/// _rebuild_tensor_v2(('storage', class, key, 'cpu', elements), 0, size, stride, False, {})
std::string pickled(const Tensor& tensor, Element element, const std::string& key) {
  std::vector<int64_t> sizes, strides(static_cast<size_t>(tensor.rank()));
  int64_t stride = 1;
  for (int i = 0; i < tensor.rank(); ++i) sizes.push_back(tensor.dim(i));
  for (size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) strides[i] = stride;
  const std::string type = element == Element::f32    ? "FloatStorage"
                           : element == Element::bf16 ? "BFloat16Storage"
                                                      : "HalfStorage";
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + type + "\n" +
         text(key) + text("cpu") + number(tensor.numel()) + "tQ" + number(0) + tuple(sizes) +
         tuple(strides) + "\x89" + kOrderedDict + "tR";
}

}  // namespace

void write_torch(const std::string& path,
                 const std::vector<std::pair<std::string, Tensor>>& tensors, Element element,
                 const std::map<std::string, std::string>& metadata) {
  std::string pickle = "\x80\x02}(";
  for (const auto& [key, value] : metadata) pickle += text(key) + text(value);
  pickle += text("state_dict") + kOrderedDict + "(";
  for (size_t i = 0; i < tensors.size(); ++i)
    pickle += text(tensors[i].first) + pickled(tensors[i].second, element, std::to_string(i));
  pickle += "uu.";
  write_atomically(path, [&](FileSink& sink) {
    ZipWriter zip(sink, path);
    zip.add("archive/data.pkl", pickle);
    zip.add("archive/byteorder", "little");
    for (size_t i = 0; i < tensors.size(); ++i) {
      const std::vector<uint8_t> bytes = encode(tensors[i].second, element, tensors[i].first);
      zip.add("archive/data/" + std::to_string(i),
              {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    zip.add("archive/version", "3\n");
    zip.finish();
  });
}

}  // namespace lspt
