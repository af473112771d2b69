/// NumPy's archives: a zip of arrays, each `NAME.npy`, stored (numpy.savez) or deflated
/// (savez_compressed).
/// Source: NumPy's format specification (NEP 1; numpy/lib/format.py).
#pragma once

#include <optional>

#include "models/weights/containers/weight_file.h"

namespace lspt {

/// What the first bytes of an array say.
struct NpyHeader {
  std::string descr;     ///< NumPy's type, such as "<f4"; "" for a record
  bool fortran = false;  ///< the first dimension is fastest
  std::vector<int64_t> shape;
  size_t data = 0;  ///< byte where the elements begin
};
constexpr size_t kMaxNpyHeader = size_t{1} << 16;
/// Versions 1 to 3. `bytes` are the array's first `kMaxNpyHeader` or fewer. Throws Error(kWeights),
/// beginning with `what`, for anything but \x93NUMPY, a version, a length and a dict of descr,
/// fortran_order and shape.
NpyHeader read_npy_header(std::string_view bytes, const std::string& what);

/// Every array under its name without ".npy", in the archive's order. Arrays of text, objects,
/// complex numbers and the like are left out with a note. Throws Error(kWeights) for big-endian
/// arrays and where header and size disagree, before anything is inflated.
WeightTable read_npz(const MappedFile& file);
/// Whether a zip archive is NumPy's: a member is an array, and none is PyTorch's.
bool is_npz(const MappedFile& file);

}  // namespace lspt
