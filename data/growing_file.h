/// A file that is appended to and read through a map at the same time, by several processes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lspt {

/// A file, or memory that looks like one (memfd), mapped far beyond its end: as it grows, what is
/// appended is there at once.
class GrowingFile {
 public:
  /// Owns the descriptor; -1 is allowed, and `data` is then null, as it is where nothing can be
  /// mapped.
  explicit GrowingFile(int descriptor);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  bool fits(size_t bytes) const { return data && bytes <= window && end <= window - bytes; }
  size_t size() const;
  /// False where the disk is full or fails, with errno. Never through the map, where a full disk
  /// would end the process.
  bool write(const void* source, size_t bytes, size_t offset) const;

  const int fd;
  const uint8_t* data = nullptr;
  size_t window = size_t{1} << 41;  ///< the address space to ask for, then what was given
  size_t end = 0;                   ///< where the next record goes
};

}  // namespace lspt
