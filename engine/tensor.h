/// Tensor: a handle on shared memory with a shape, an element type and a device.
#pragma once

#include <any>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "engine/dtype.h"
#include "engine/error.h"

namespace lspt {

enum class Device : uint8_t { cpu, cuda };
constexpr const char* name_of(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

/// Up to six extents, outermost first; no heap memory.
class Shape {
 public:
  static constexpr int kMaxRank = 6;
  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : Shape(extents.begin(), extents.end()) {}
  explicit Shape(const std::vector<int64_t>& extents) : Shape(extents.begin(), extents.end()) {}
  int rank() const { return rank_; }
  /// Extent i; negative i counts from the end.
  int64_t operator[](int i) const { return extents_[static_cast<size_t>(index(i))]; }
  void set(int i, int64_t extent) { extents_[static_cast<size_t>(index(i))] = extent; }
  int64_t numel() const;
  bool operator==(const Shape& other) const;
  std::string to_string() const;  ///< "(2, 3)"

 private:
  template <typename Iterator>
  Shape(Iterator first, Iterator last) {
    require(last - first <= kMaxRank, "shape: ", last - first, " dimensions, at most 6 expected");
    for (; first != last; ++first) extents_[static_cast<size_t>(rank_++)] = *first;
  }
  int index(int i) const {
    const int at = i < 0 ? i + rank_ : i;
    require(at >= 0 && at < rank_, "shape: dimension ", i, " of a shape with ", rank_);
    return at;
  }
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

class Storage;

/// Always contiguous and row-major. Copying a Tensor copies the handle, not the values; only
/// `reshape` and `slice` make a second handle of another shape. An empty Tensor (default) means
/// "none". Values of a tensor that others can see are never changed in place (the tape relies on
/// it); fresh outputs are filled by the kernel that made them.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor from(const std::vector<float>& values, const Shape& shape);
  /// A view of memory that somebody else keeps (a mapped file): `owner` lives as long as the view.
  static Tensor borrow(const void* data, const Shape& shape, DType dtype,
                       std::shared_ptr<const void> owner);

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t numel() const { return numel_; }
  /// Rows and columns of the tensor seen as a matrix whose columns are the last dimension.
  int64_t cols() const { return shape_[-1]; }
  int64_t rows() const { return cols() == 0 ? 0 : numel_ / cols(); }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  size_t nbytes() const { return static_cast<size_t>(numel_) * size_of(dtype_); }
  bool same_layout(const Tensor& other) const {
    return shape_ == other.shape_ && dtype_ == other.dtype_ && device_ == other.device_;
  }

  /// First element. The typed form checks the dtype; it is host memory only on Device::cpu.
  template <typename T>
  T* data() const {
    require(storage_ != nullptr && dtype_ == dtype_of<T>, "tensor: data<", name_of(dtype_of<T>),
            ">() of a ", storage_ ? name_of(dtype_) : "none", " tensor");
    return static_cast<T*>(raw());
  }
  void* raw() const;

  /// The same values as another shape of equal numel; shares memory.
  Tensor reshape(const Shape& shape) const;
  /// Entries [begin, end) of the outermost dimension; shares memory.
  Tensor slice(int64_t begin, int64_t end) const;
  /// To be called after values that others can see were changed in place (an optimizer's step):
  /// what was derived from the old ones is out of date (engine/derived.h).
  void changed() const;
  /// Handles that share this memory, this one included.
  long use_count() const { return storage_.use_count(); }

  std::vector<float> to_vector() const;  ///< values as float, copied to the host
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  size_t offset_bytes() const { return offset_; }

 private:
  std::shared_ptr<Storage> storage_;
  Shape shape_;
  int64_t numel_ = 0;
  size_t offset_ = 0;  // bytes
  DType dtype_ = DType::f32;
  Device device_ = Device::cpu;
};

/// What was computed from the part of a storage at `offset` when it had `version`: derived.h.
struct Derived {
  std::any key;  ///< of the type and meaning that its maker gave it
  size_t offset;
  Shape shape;
  uint64_t version;
  Tensor value;
};

/// The memory behind tensors, and what was derived from its values, which dies with it.
class Storage {
 public:
  Storage(size_t bytes, Device device);
  Storage(const void* data, std::shared_ptr<const void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  void* data() const { return data_; }
  /// How often values were changed in place; 0 for those of constants.
  uint64_t version() const { return version_; }
  void raise_version() { ++version_; }

  std::vector<Derived> derived;

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_ = Device::cpu;
  uint64_t version_ = 0;
  std::shared_ptr<const void> owner_;
};

/// Fills `to` (same numel) from `from`, which may have another dtype and be on another device.
void copy(const Tensor& to, const Tensor& from);
void fill(const Tensor& tensor, float value);
/// `x` itself if it has the dtype (is on the device) already, else a copy that has (is).
Tensor to_dtype(const Tensor& x, DType dtype);
Tensor to_device(const Tensor& x, Device device);

}  // namespace lspt
