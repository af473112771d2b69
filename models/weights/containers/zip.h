/// The directory of a ZIP archive whose members are stored or deflated.
/// Source: PKWARE APPNOTE 6.3.9 (4.3 layout, 4.5.3 zip64).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/file.h"

namespace lspt {

struct ZipMember {
  std::string name;  ///< looked up, never used as a path
  size_t header;     ///< of the local header
  size_t offset;     ///< of the first data byte
  size_t packed;     ///< bytes in the file
  size_t size;       ///< once inflated
  uint32_t crc;      ///< once inflated
  bool deflated;
};

/// Members from the central directory, in its order. Data starts behind the *local* header's name
/// and extra field, whose lengths are its own. Throws Error(kWeights) for a truncated archive,
/// members that are compressed otherwise, encrypted, named twice, out of the file or overlapping,
/// local headers that disagree with the directory, and bytes before or behind the archive.
std::vector<ZipMember> read_zip_directory(const MappedFile& file);

/// The first `most` bytes of a deflated member, fewer if it has fewer. `packed` bytes cannot make
/// it allocate more than 1,032 times as many. Throws Error(kWeights) for damaged data.
std::string inflate(std::string_view packed, size_t most, const std::string& what);

}  // namespace lspt
