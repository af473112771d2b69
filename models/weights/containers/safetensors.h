/// The safetensors container: u64 header length, JSON header, tensor bytes.
///   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]},
///    "__metadata__": {"key": "text"}}
/// Source: the format's README (huggingface/safetensors).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/containers/weight_file.h"

namespace lspt {

/// Strict: the header is at most 16 MiB of UTF-8 JSON with no name twice and at most 100,000
/// tensors; sorted by offset the tensors fill the rest of the file exactly, without hole, overlap
/// or trailing byte; each has the size its shape says. Throws Error(kWeights).
WeightTable read_safetensors(const MappedFile& file);

/// Writes f32 and bf16 host tensors, as they are or all as `element` (encode.h), atomically
/// (engine/file.h). Same input, same bytes: larger elements first, then by name. Throws
/// Error(kWrite).
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       std::optional<Element> element = std::nullopt);

}  // namespace lspt
