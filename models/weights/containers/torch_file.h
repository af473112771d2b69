/// PyTorch's three containers. In each a pickle describes the tensors of a state dict (see
/// torch_state.h), and storages hold their bytes.
#pragma once

#include "models/weights/containers/weight_file.h"

namespace lspt {

/// torch.save since 1.6: a zip archive with `NAME/data.pkl` and a stored member `NAME/data/KEY` for
/// each storage. Throws Error(kWeights) for TorchScript, big-endian files, pickles that name
/// something harmful (pickle.h), and tensors that reach outside their storage; the two below, too.
WeightTable read_torch(const MappedFile& file);

/// torch.save from 0.1.10 to 1.5, and with _use_new_zipfile_serialization=False: pickles of a magic
/// number, 1001, the writer's machine, the object and the storages' keys, one behind the other;
/// then for each key an i64 count of elements and the elements.
WeightTable read_torch_legacy(const MappedFile& file);
bool is_torch_legacy(std::string_view bytes);

/// torch.save up to 0.1.9: a tar archive of `storages`, `tensors` and `pickle`, whose persistent
/// ids are tensors.
WeightTable read_torch_tar(const MappedFile& file);
bool is_tar(std::string_view bytes);

/// Writes f32 and bf16 host tensors so that torch.load(path, weights_only=True) gives
/// {"state_dict": OrderedDict of tensors, and `metadata`}, atomically. `element` converts to f32,
/// f16 or bf16. Same input, same bytes. Throws Error(kWrite).
void write_torch(const std::string& path,
                 const std::vector<std::pair<std::string, Tensor>>& tensors, Element element,
                 const std::map<std::string, std::string>& metadata = {});

}  // namespace lspt
