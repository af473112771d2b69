/// Decoded and resized images: in memory, and in a file that later runs and other processes map.
///
/// The file is a header that names format and resize rule, then records in order of arrival:
///
///   64 bytes   magic, SHA-256 that says which version of which file this is, width, height, CRC-32
///              of the pixels, CRC-32 of the bytes before
///   3 w h      pixels; the next record begins at a multiple of 64 bytes
///
/// A record is appended under a lock on the file, pixels first: what a killed process left
/// unfinished has no header, and the next one overwrites it. Its pixels are checked when they are
/// first used. Records are never changed, so that what was mapped stays as it is. Bytes of a record
/// that is damaged, or of a version of an image that is gone, are not used and not won back;
/// deleting the file, at any moment, costs time alone.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "data/file_stamp.h"
#include "data/images/image.h"

namespace lspt {

class GrowingFile;

class PixelCache {
 public:
  /// Of a file's path, inode, size and times of change to the nanosecond: a file that was written,
  /// replaced or moved has another one, and its old pixels are not found. std::nullopt if there is
  /// no such file. `known` is what was seen of it before, so that it is not asked for again: where
  /// the file has changed since, its pixels stand under a key that no later run has.
  using Key = std::array<uint8_t, 32>;
  static std::optional<Key> key_of(const std::string& path, const FileStamp& known = {});

  /// Pixels made by `rule` (55 bytes at most) are kept in the file `path`, whose folder is made, as
  /// long as a gibibyte of its disk stays free; "" for none. In the same folder the files that were
  /// not used for longest are deleted until all are smaller than kFolderBytes together. What the
  /// file does not take is kept in memory up to memory_bytes.
  PixelCache(const std::string& path, const std::string& rule, size_t memory_bytes);
  ~PixelCache();

  // Any thread may call these; views stay valid as long as the cache lives.

  /// The pixels that the file holds; an empty view if there are none, or not the ones once written.
  ImageView find(const Key& key);
  /// Keeps a copy; an empty view if there is no room. Without a key it is kept in memory.
  ImageView keep(const std::optional<Key>& key, const Image& image);
  /// CRC-32 of the pixels that the file holds, if they were used or made by this process.
  std::optional<uint32_t> crc(const Key& key) const;
  /// Gives memory back; the view is not valid any more.
  void let_go(const ImageView& view);
  /// Why the file is not in use, or not any more; "" if it is.
  std::string trouble() const;

  static constexpr uintmax_t kFolderBytes = uintmax_t{64} << 30;

 private:
  struct Entry {
    size_t offset;  // of the pixels
    int width, height;
    uint32_t crc;
    bool checked;  // the pixels are as they were written
  };
  void open_file(const std::string& rule);
  bool read_new_records();
  ImageView append_to_file(const Key& key, const Image& image);
  ImageView append_to_memory(const Image& image);

  const std::string path_;
  size_t memory_left_;
  mutable std::mutex mutex_;
  std::unique_ptr<GrowingFile> file_, memory_;
  std::map<Key, Entry> entries_;  // of the file
  std::string trouble_;
};

}  // namespace lspt
