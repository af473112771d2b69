/// JSON as text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lspt {

/// Names that are no UTF-8, as file systems allow, are written with what can be shown of them. In
/// one line, or indented.
inline std::string json_text(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace lspt
