/// Files: read by memory map, written atomically, identified by SHA-256.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace lspt {

/// A whole file, mapped read-only. Pages become resident when they are read. The file must not
/// shrink while it is mapped.
class MappedFile {
 public:
  /// Throws Error(kind) that names the path and the system's reason.
  static std::shared_ptr<const MappedFile> open(const std::string& path, ErrorKind kind);
  /// A file whose bytes are at hand already; they are copied, `path` only names them.
  static std::shared_ptr<const MappedFile> of(std::string_view bytes, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), size_}; }
  /// The whole pages of [begin, begin + bytes) may leave memory; they come back when read again.
  void forget(size_t begin, size_t bytes) const;

 private:
  MappedFile(const std::string& path, const uint8_t* data, size_t size)
      : path_(path), data_(data), size_(size) {}
  std::string path_;
  const uint8_t* data_;
  size_t size_;
  std::vector<uint8_t> copied_;  // data_ where there is no map
};

/// Where the bytes of a file being written go. Unbuffered: write large pieces.
class FileSink {
 public:
  virtual ~FileSink() = default;
  virtual void write(const void* data, size_t bytes) = 0;
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Puts `text` in the place of the first bytes, which were written before: a header that counts.
  virtual void rewrite_start(std::string_view text) = 0;
};

/// Replaces `path` by what `fill` writes, or leaves it as it was: the bytes go to a new file
/// `path.RANDOM.tmp` in the same folder, which is synced and renamed over `path`. Throws
/// Error(kWrite) with the system's reason; the temporary file is removed then, also when `fill`
/// throws. What killed processes left behind for this path is removed.
void write_atomically(const std::string& path, const std::function<void(FileSink&)>& fill);
void write_atomically(const std::string& path, std::string_view text);

/// Throws Error(kUsage) if one of these is in the folder ("": of these paths), unless they may be
/// replaced. To be asked before the work whose results they hold.
void require_new(const std::string& folder, const std::vector<std::string>& names, bool overwrite);

/// Holds the lock of a file or folder against other processes while it lives, if held().
class FileLock {
 public:
  explicit FileLock(int fd);                   ///< which stays the caller's
  explicit FileLock(const std::string& path);  ///< not held if there is nothing of that name
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return held_; }

 private:
  int fd_;
  bool owned_ = false, held_;
};

/// SHA-256 of the file's bytes, 64 hexadecimal digits. Throws Error(kind).
std::string sha256_of(const std::string& path, ErrorKind kind = ErrorKind::kWeights);
/// MD5, 32 digits: only to recognise files whose publishers give nothing better.
std::string md5_of(const std::string& path, ErrorKind kind = ErrorKind::kWeights);

}  // namespace lspt
