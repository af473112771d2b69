/// PyTorch's zip container (torch.save since 1.6): a pickle that describes the tensors, and one
/// member of raw bytes for each storage.
#pragma once

#include "models/weights/weight_file.h"

namespace lspt {

/// Tensors of the state dict, which is the pickled dict itself or the one under `state_dict`,
/// `model`, `teacher`, `student`, `model_state_dict` or `net`, whichever comes first in this list.
/// Tensors may share a storage, be slices or transposed. Values that are no tensors are skipped.
/// Throws Error(kWeights) for TorchScript, NumPy archives, big-endian files, pickles that name
/// something harmful (pickle.h), and tensors that reach outside their storage.
WeightTable read_torch(const MappedFile& file);

}  // namespace lspt
