#include "models/weights/containers/weight_file.h"

#include <zlib.h>

#include <cstring>

#include "models/weights/containers/npz.h"
#include "models/weights/containers/safetensors.h"
#include "models/weights/containers/torch_file.h"
#include "models/weights/containers/zip.h"

namespace lspt {
namespace {

struct half {
  uint16_t bits;
  operator float() const {  // NOLINT: a load converts implicitly, as for bf16
    const uint32_t sign = uint32_t{bits & 0x8000u} << 16, magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00)  // infinity, NaN
      return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    // Placed in a float's fields the exponent is short by 127 - 15; the product repairs it, also
    // for subnormal halves.
    const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
  }
};

struct Byte {
  uint8_t value;
  operator float() const { return value != 0; }  // NOLINT
};

template <typename Body>
decltype(auto) dispatch(Element element, Body&& body) {
  switch (element) {
    case Element::f64:
      return body.template operator()<double>();
    case Element::f32:
      return body.template operator()<float>();
    case Element::f16:
      return body.template operator()<half>();
    case Element::bf16:
      return body.template operator()<bf16>();
    case Element::i64:
      return body.template operator()<int64_t>();
    case Element::i32:
      return body.template operator()<int32_t>();
    case Element::i16:
      return body.template operator()<int16_t>();
    case Element::i8:
      return body.template operator()<int8_t>();
    case Element::u64:
      return body.template operator()<uint64_t>();
    case Element::u32:
      return body.template operator()<uint32_t>();
    case Element::u16:
      return body.template operator()<uint16_t>();
    case Element::u8:
      return body.template operator()<uint8_t>();
    case Element::boolean:
      break;
  }
  return body.template operator()<Byte>();
}

template <typename T>
float element_at(const uint8_t* data, int64_t index) {
  T value;  // the file promises no alignment
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return static_cast<float>(value);
}

/// out[i] = element i of the tensor in row-major order, wherever its strides put it.
template <typename T>
void gather(float* out, const StoredTensor& tensor) {
  const int rank = tensor.shape.rank();
  const int64_t count = tensor.shape.numel();
  if (tensor.contiguous()) {
    for (int64_t i = 0; i < count; ++i) out[i] = element_at<T>(tensor.data, i);
    return;
  }
  std::array<int64_t, Shape::kMaxRank> at{};
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    out[i] = element_at<T>(tensor.data, offset);
    for (int d = rank - 1; d >= 0; --d) {  // the next index, last dimension fastest
      const auto k = static_cast<size_t>(d);
      offset += tensor.strides[k];
      if (++at[k] < tensor.shape[d]) break;
      offset -= tensor.strides[k] * at[k];
      at[k] = 0;
    }
  }
}

Tensor converted(const StoredTensor& tensor) {
  Tensor values(tensor.shape);
  if (values.numel() > 0)
    dispatch(tensor.element, [&]<typename T>() { gather<T>(values.data<float>(), tensor); });
  return values;
}

/// Files that are often mistaken for weights, by their first bytes.
std::string what_else(std::string_view bytes) {
  const size_t text = bytes.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (bytes.empty()) return "the file is empty (0 bytes); download it again";
  if (text != std::string_view::npos && bytes[text] == '<')
    return "this is an HTML page, not weights; download it again";
  if (bytes.starts_with("version https://git-lfs"))
    return "this is a git-lfs pointer, not the weights; fetch them with git lfs pull";
  if (bytes.starts_with("\x1f\x8b")) return "gzip-compressed; unpack it first";
  if (bytes.starts_with("\x93NUMPY")) return "a single NumPy array; weights are an .npz archive";
  if (bytes.starts_with('\x80'))
    return "a bare pickle; save it with torch.save, which writes a zip archive";
  return "none of PyTorch, safetensors and NumPy (" + std::to_string(bytes.size()) +
         " bytes); if it was downloaded, it may be truncated";
}

}  // namespace

size_t size_of(Element element) {
  return dispatch(element, []<typename T>() { return sizeof(T); });
}

const char* name_of(Element element) {
  constexpr const char* names[] = {"f64", "f32", "f16", "bf16", "i64", "i32", "i16",
                                   "i8",  "u64", "u32", "u16",  "u8",  "bool"};
  return names[static_cast<size_t>(element)];
}

bool StoredTensor::contiguous() const {
  if (shape.numel() == 0) return true;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[static_cast<size_t>(i)] != stride) return false;
    stride *= shape[i];
  }
  return true;
}

WeightFile WeightFile::open(const std::string& path) {
  return of(MappedFile::open(path, ErrorKind::kWeights));
}

WeightFile WeightFile::of(std::shared_ptr<const MappedFile> file) {
  const std::string_view bytes = file->bytes();
  WeightFile weights;
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06"))
    weights.table_ = is_npz(*file) ? read_npz(*file) : read_torch(*file);
  else if (is_torch_legacy(bytes))
    weights.table_ = read_torch_legacy(*file);
  else if (bytes.size() > 8 && bytes[8] == '{')
    weights.table_ = read_safetensors(*file);
  else if (is_tar(bytes))
    weights.table_ = read_torch_tar(*file);
  else
    fail(ErrorKind::kWeights, "read ", file->path(), ": ", what_else(bytes));
  weights.file_ = std::move(file);
  for (size_t i = 0; i < weights.tensors().size(); ++i)
    weights.index_[weights.tensors()[i].name] = i;
  weights.checked_.resize(weights.table_.parts.size());
  return weights;
}

const StoredTensor* WeightFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &table_.tensors[found->second];
}

Tensor WeightFile::load(const std::string& name) const {
  const StoredTensor* tensor = find(name);
  require(tensor, ErrorKind::kWeights, "load ", path(), ": no tensor ", name);
  return load(*tensor);
}

void WeightFile::check_crc(int part, const uint8_t* data, size_t bytes) const {
  if (checked_[static_cast<size_t>(part)]) return;
  require(crc32_z(0, data, bytes) == table_.parts[static_cast<size_t>(part)].crc,
          ErrorKind::kWeights, "load ", path(), ": ", table_.parts[static_cast<size_t>(part)].name,
          " is damaged (its CRC is wrong); download or copy the file again");
  checked_[static_cast<size_t>(part)] = true;
}

Tensor WeightFile::load(const StoredTensor& tensor) const {
  const WeightTable::Part* part =
      tensor.part < 0 ? nullptr : &table_.parts[static_cast<size_t>(tensor.part)];
  if (part && part->inflated) {
    const std::string_view packed(reinterpret_cast<const char*>(part->data), part->bytes);
    const std::string bytes = inflate(packed, part->inflated, "load " + path() + ": " + part->name);
    require(bytes.size() == part->inflated, ErrorKind::kWeights, "load ", path(), ": ", part->name,
            " has ", bytes.size(), " bytes, ", part->inflated,
            " expected; download or copy it again");
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    check_crc(tensor.part, data, bytes.size());
    StoredTensor inflated = tensor;
    inflated.data = data + tensor.skip;
    return converted(inflated);
  }
  if (part) check_crc(tensor.part, part->data, part->bytes);
  const size_t begin = tensor.data ? static_cast<size_t>(tensor.data - file_->data()) : 0;
  const bool aligned = reinterpret_cast<uintptr_t>(tensor.data) % alignof(float) == 0;
  if (tensor.element == Element::f32 && aligned && tensor.contiguous() && tensor.nbytes() > 0) {
    // The view keeps the map alive, and lets its pages go when the last handle does.
    const size_t bytes = tensor.nbytes();
    const std::shared_ptr<const void> owner(
        tensor.data, [file = file_, begin, bytes](const void*) { file->forget(begin, bytes); });
    return Tensor::borrow(tensor.data, tensor.shape, DType::f32, owner);
  }
  const Tensor values = converted(tensor);
  if (tensor.contiguous()) file_->forget(begin, tensor.nbytes());  // copied, not read again
  return values;
}

}  // namespace lspt
