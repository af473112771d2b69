/// Values as the bytes that files hold.
#pragma once

#include <string>
#include <vector>

#include "models/weights/containers/weight_file.h"

namespace lspt {

/// Element::f32, bf16 or f16 of "f32", "bf16", "f16". Throws Error(kUsage) for another word.
Element element_of_dtype(const std::string& dtype);

/// The values of a host tensor (f32 or bf16) as f32, bf16 or f16, little-endian, in row-major
/// order, rounded to nearest even as torch's .to() rounds. Throws Error(kWeights), naming the
/// tensor, for a finite value that would become infinite.
std::vector<uint8_t> encode(const Tensor& values, Element element, const std::string& name);

/// Writes tensors in the format of the path's ending: .safetensors, or .pth, .pt and .bin
/// (PyTorch). Throws Error(kUsage) for another ending, Error(kWrite).
void write_weights(const std::string& path,
                   const std::vector<std::pair<std::string, Tensor>>& tensors, Element element,
                   const std::map<std::string, std::string>& metadata);

}  // namespace lspt
