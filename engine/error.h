/// The engine's one exception and the one way to throw it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/text.h"

namespace lspt {

/// What went wrong, in the terms of the program's exit status (the value *is* the exit code).
enum class ErrorKind {
  kInternal = 1,  ///< a broken contract inside the engine: a bug
  kUsage = 2,     ///< wrong flag, key or value
  kData = 3,      ///< data set missing or bad
  kWeights = 4,   ///< weights or checkpoint file bad, or not for this model
  kDiverged = 5,  ///< training became non-finite
  kMemory = 6,    ///< out of host or device memory
  kWrite = 7,     ///< cannot write: disk full, permission
};

class Error : public std::runtime_error {
 public:
  /// Messages name parts of files: they are made printable.
  Error(ErrorKind kind, const std::string& message)
      : std::runtime_error(printable(message)), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws Error(kind) whose message is the parts written one after the other.
template <typename... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(kind, message.str());
}

/// Throws unless the condition holds. Messages read *operation: what, found, expected*; bad input
/// is named by file and byte or line.
template <typename... Parts>
void require(bool condition, ErrorKind kind, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(kind, parts...);
}

/// The same for contracts between parts of the engine (shapes, dtypes).
template <typename... Parts>
void require(bool condition, const char* first, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(ErrorKind::kInternal, first, parts...);
}

}  // namespace lspt
