/// What PyTorch's containers have in common: a pickle that describes tensors over storages.
#pragma once

#include <functional>
#include <optional>

#include "models/weights/containers/pickle.h"
#include "models/weights/containers/weight_file.h"

namespace lspt {

/// Raw bytes of a storage in the file.
struct TorchStorage {
  const uint8_t* data = nullptr;
  size_t bytes = 0;
  int part = -1;  ///< of WeightTable
};

/// Of "torch.FloatStorage" and the like; none for another class.
std::optional<Element> element_of_storage(std::string_view global);
/// Of "torch.float32" and the like.
std::optional<Element> element_of_torch_dtype(std::string_view global);

/// ('storage', torch.XStorage, key, location, elements[, view]); a view is (key, offset, elements).
struct StorageId {
  Element element = Element::f32;
  std::string key;
  int64_t count = 0;
  int64_t view_offset = 0, view_count = -1;  ///< in elements; -1: no view, the whole storage
};
/// What a persistent value names; none if it is not a storage. Throws Error(kWeights), beginning
/// with `what`, for a storage that is not named as PyTorch names them.
std::optional<StorageId> storage_id(const Pickle& pickle, const Pickle::Value& value,
                                    const std::string& what);

/// A tensor's place: offset and strides in elements of `element`.
struct TensorLayout {
  int64_t offset = 0;
  std::vector<int64_t> sizes, strides;
};
/// Appends a tensor to the table. Throws Error(kWeights) if it is not inside its storage.
void add_tensor(WeightTable& table, const std::string& name, Element element,
                const TensorLayout& layout, const TorchStorage& storage, const std::string& what);

/// Where storages and, in the oldest format, whole tensors are.
struct TorchParts {
  std::function<TorchStorage(const std::string& key)> storage;  ///< data is nullptr: not there
  /// Adds the tensor that a persistent value names; false if it names none.
  std::function<bool(const std::string& name, const Pickle::Value& value)> tensor = {};
};

/// Tensors of the state dict, which is the pickled dict itself or the one under `state_dict`,
/// `model`, `teacher`, `student`, `model_state_dict` or `net`, whichever comes first in this list.
/// Tensors may share a storage, be slices or transposed. Values that are no tensors are skipped.
/// Texts of the outer dict under `family` and `source`, as our own writer puts them, are metadata.
void read_state_dict(WeightTable& table, const Pickle& pickle, const TorchParts& parts,
                     const std::string& what);

}  // namespace lspt
