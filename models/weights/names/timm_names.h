/// Names of timm's and Hugging Face's ViTs, part by part.
#pragma once

#include <string>
#include <string_view>

namespace lspt {

/// A name without prefix in timm's terms.
struct TimmName {
  std::string name;      ///< "" if it is not the backbone's
  bool scale = false;    ///< layer scale of the matrix `name`, without .weight
  bool chunked = false;  ///< DINOv2's training keeps blocks in chunks: blocks.CHUNK.BLOCK
};
TimmName timm_name(std::string_view name, bool hugging_face);

/// Why a name that is not the backbone's may not be left out, "" if it may.
std::string refusal(std::string_view name, bool hugging_face);

}  // namespace lspt
