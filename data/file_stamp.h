/// What the system says of a file without reading it.
#pragma once

#include <cstdint>
#include <string>

namespace lspt {

/// Times in nanoseconds since 1970.
struct FileStamp {
  int64_t bytes = -1;  ///< -1: not looked at, or no regular file
  int64_t inode = 0, modified = 0, changed = 0;
  explicit operator bool() const { return bytes >= 0; }
};

/// Of the file that a path leads to.
FileStamp stamp_of(const std::string& path);

}  // namespace lspt
