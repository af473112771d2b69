/// What tests ask of errors.
#pragma once

#include <string>

#include "engine/error.h"

namespace lspt {

/// "3: message" of the Error that body throws, "" if it throws none.
template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.kind())) + ": " + error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace lspt
