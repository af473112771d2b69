#include "engine/tensor.h"

#include <cstring>

#include "engine/accumulate.h"
#include "engine/cuda.h"
#include "engine/memory.h"

namespace lspt {

int64_t Shape::numel() const {
  int64_t product = 1;
  for (int i = 0; i < rank_; ++i) product *= extents_[static_cast<size_t>(i)];
  return product;
}

bool Shape::operator==(const Shape& other) const {
  if (rank_ != other.rank_) return false;
  for (int i = 0; i < rank_; ++i)
    if ((*this)[i] != other[i]) return false;
  return true;
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string((*this)[i]);
  return text + ")";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

Storage::Storage(size_t bytes, Device device)
    : data_(memory::allocate(bytes, device)), bytes_(bytes), device_(device) {}

Storage::Storage(const void* data, std::shared_ptr<const void> owner)
    : data_(const_cast<void*>(data)), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (!owner_) memory::release(data_, bytes_, device_);
}

Tensor::Tensor(const Shape& shape, DType dtype, Device device)
    : shape_(shape), numel_(shape.numel()), dtype_(dtype), device_(device) {
  for (int i = 0; i < shape.rank(); ++i)
    require(shape[i] >= 0, "tensor: negative extent in ", shape);
  storage_ = std::make_shared<Storage>(nbytes(), device);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor(shape, dtype, device);
  memory::zero(tensor.raw(), tensor.nbytes(), device);
  return tensor;
}

Tensor Tensor::from(const std::vector<float>& values, const Shape& shape) {
  Tensor tensor(shape);
  require(static_cast<int64_t>(values.size()) == tensor.numel(), "tensor: ", values.size(),
          " values for shape ", shape);
  std::memcpy(tensor.raw(), values.data(), tensor.nbytes());
  return tensor;
}

Tensor Tensor::borrow(const void* data, const Shape& shape, DType dtype,
                      std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.storage_ = std::make_shared<Storage>(data, std::move(owner));
  tensor.shape_ = shape;
  tensor.numel_ = shape.numel();
  tensor.dtype_ = dtype;
  return tensor;
}

void* Tensor::raw() const {
  return storage_ ? static_cast<char*>(storage_->data()) + offset_ : nullptr;
}

void Tensor::changed() const { storage_->raise_version(); }

Tensor Tensor::reshape(const Shape& shape) const {
  require(shape.numel() == numel_, "reshape: ", shape_, " to ", shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
  require(rank() >= 1 && 0 <= begin && begin <= end && end <= dim(0), "slice: [", begin, ", ", end,
          ") of ", shape_);
  Tensor view = *this;
  const int64_t stride = dim(0) == 0 ? 0 : numel_ / dim(0);
  view.shape_.set(0, end - begin);
  view.numel_ = stride * (end - begin);
  view.offset_ += static_cast<size_t>(begin * stride) * size_of(dtype_);
  return view;
}

std::vector<float> Tensor::to_vector() const {
  std::vector<float> values(static_cast<size_t>(numel_));
  if (numel_ == 0) return values;
  const Tensor host = to_device(*this, Device::cpu);
  dispatch(dtype_, [&]<typename T>() {
    const T* data = host.data<T>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = data[i];
  });
  return values;
}

void copy(const Tensor& to, const Tensor& from) {
  require(to.numel() == from.numel(), "copy: ", from.shape(), " into ", to.shape());
  if (to.numel() == 0) return;
  if (to.device() == from.device()) return accumulate(to, from, 0.0f);
  // Between devices bytes travel; what is converted is converted where it comes from.
  const Tensor same = to_dtype(from, to.dtype());
  if constexpr (kHasCuda) {
    if (to.device() == Device::cuda) return cuda::copy_to_device(to.raw(), same.raw(), to.nbytes());
    cuda::copy_to_host(to.raw(), same.raw(), to.nbytes());
  }
}

Tensor to_dtype(const Tensor& x, DType dtype) {
  if (!x || x.dtype() == dtype) return x;
  Tensor converted(x.shape(), dtype, x.device());
  accumulate(converted, x, 0.0f);
  return converted;
}

Tensor to_device(const Tensor& x, Device device) {
  if (!x || x.device() == device) return x;
  Tensor moved(x.shape(), x.dtype(), device);
  copy(moved, x);
  return moved;
}

void fill(const Tensor& tensor, float value) { set_all(tensor, value); }

}  // namespace lspt
