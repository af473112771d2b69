/// NumPy's .npy files, version 1.0.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/file.h"
#include "engine/tensor.h"

namespace lspt {

/// An array (N, columns) of f32 in row-major order, the file that numpy.save writes: magic,
/// version, length of the header, a Python dictionary padded to 64 bytes, the values as they lie in
/// memory. `fill` writes them, and N is as many rows as it wrote. Atomic; throws Error(kWrite),
/// Error(kInternal) if the last row is not whole.
void write_npy(const std::string& path, int64_t columns,
               const std::function<void(FileSink&)>& fill);
/// A tensor of f32 on the host, of its shape.
void write_npy(const std::string& path, const Tensor& values);
/// One dimension of int64.
void write_npy(const std::string& path, const std::vector<int64_t>& values);

}  // namespace lspt
