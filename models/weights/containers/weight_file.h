/// One view of every weights file that can be read: named tensors, whatever the container.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/file.h"
#include "engine/tensor.h"

namespace lspt {

/// Element types that files hold. The engine computes with f32; `WeightFile::load` converts.
enum class Element : uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };
size_t size_of(Element element);
const char* name_of(Element element);  ///< "f32", "bool"

/// Where a tensor lies in a mapped file. Readers have checked that every element is inside.
struct StoredTensor {
  std::string name;
  Shape shape;
  Element element = Element::f32;
  std::array<int64_t, Shape::kMaxRank> strides{};  ///< in elements, as many as shape has extents
  const uint8_t* data = nullptr;  ///< the first element; nullptr in a deflated part
  int part = -1;                  ///< index into WeightTable::parts, -1 for none
  size_t skip = 0;                ///< its first element's byte in a deflated part

  bool contiguous() const;
  size_t nbytes() const { return static_cast<size_t>(shape.numel()) * size_of(element); }
};

/// What a reader finds in a file.
struct WeightTable {
  /// A run of bytes with a CRC-32, checked the first time a tensor of it is loaded.
  struct Part {
    std::string name;
    const uint8_t* data;
    size_t bytes;
    uint32_t crc;         ///< of the inflated bytes, if the part is deflated
    size_t inflated = 0;  ///< how many; 0: it is not
  };
  std::string format;   ///< "safetensors", "PyTorch", "NumPy"
  std::string wrapper;  ///< key of the training checkpoint that the tensors were under, or ""
  std::vector<StoredTensor> tensors;
  std::vector<Part> parts;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  ///< e.g. "argparse.Namespace carried as opaque"
};

/// A weights file, opened by its content, never by its name: safetensors, PyTorch's three formats
/// (.pth, .pt, .pth.tar, .bin), or NumPy's archive of arrays (.npz). Nothing in a file can run.
/// Errors are Error(kWeights) naming the file, what is wrong and what to do. Not for use by two
/// threads at once.
class WeightFile {
 public:
  static WeightFile open(const std::string& path);
  static WeightFile of(std::shared_ptr<const MappedFile> file);

  const std::string& path() const { return file_->path(); }
  size_t bytes() const { return file_->size(); }
  const std::string& format() const { return table_.format; }
  const std::string& wrapper() const { return table_.wrapper; }
  const std::vector<StoredTensor>& tensors() const { return table_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return table_.metadata; }
  const std::vector<std::string>& notes() const { return table_.notes; }
  /// nullptr if there is no such tensor.
  const StoredTensor* find(const std::string& name) const;

  /// f32 values: a view of the map where the bytes are f32, in order and aligned (the pages leave
  /// memory with the last handle), else a converted copy. Throws for an unknown name or a part
  /// whose CRC is wrong. Values are not checked.
  Tensor load(const StoredTensor& tensor) const;
  Tensor load(const std::string& name) const;

 private:
  void check_crc(int part, const uint8_t* data, size_t bytes) const;

  std::shared_ptr<const MappedFile> file_;
  WeightTable table_;
  std::map<std::string, size_t> index_;
  mutable std::vector<bool> checked_;  // per part
};

}  // namespace lspt
