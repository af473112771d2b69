#include "models/weights/containers/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>

#include "models/weights/containers/bytes.h"

namespace lspt {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint32_t kIn64 = 0xffffffff;  // "the real value is in the zip64 field"
constexpr size_t kEndSize = 22, kLocatorSize = 20, kMaxMembers = 1'000'000;

struct Directory {
  uint64_t count, size, offset, end;
};

/// The end record is the last thing in the file; its comment reaches the last byte.
size_t find_end(const MappedFile& file) {
  const std::string_view bytes = file.bytes();
  const size_t lowest = bytes.size() > kEndSize + 0xffff ? bytes.size() - kEndSize - 0xffff : 0;
  for (size_t at = bytes.size() < kEndSize ? 0 : bytes.size() - kEndSize + 1; at-- > lowest;) {
    ByteReader reader(bytes, "zip", at);
    if (reader.get<uint32_t>() != kEnd) continue;
    reader.take(16);
    if (reader.get<uint16_t>() == reader.left()) return at;
  }
  fail(ErrorKind::kWeights, "read ", file.path(),
       ": truncated: the zip's directory, its last part, is missing (", bytes.size(),
       " bytes are there); download or copy it again");
}

Directory read_end(const MappedFile& file) {
  const size_t at = find_end(file);
  ByteReader reader(file.bytes(), "read " + file.path() + ": zip end record", at + 4);
  const uint16_t disk = reader.get<uint16_t>();
  reader.take(4);
  Directory directory{reader.get<uint16_t>(), reader.get<uint32_t>(), reader.get<uint32_t>(), at};
  const bool big =
      directory.count == 0xffff || directory.size == kIn64 || directory.offset == kIn64;
  require(disk == 0 || big, ErrorKind::kWeights, "read ", file.path(),
          ": a part of a split zip archive");
  if (!big || at < kLocatorSize) return directory;
  ByteReader locator(file.bytes(), "read " + file.path() + ": zip64 locator", at - kLocatorSize);
  if (locator.get<uint32_t>() != kLocator64) return directory;
  locator.take(4);
  const uint64_t at64 = locator.get<uint64_t>();
  require(at64 <= at - kLocatorSize, ErrorKind::kWeights, "read ", file.path(),
          ": zip64 end record at byte ", at64, ", behind its own locator");
  ByteReader end64(file.bytes(), "read " + file.path() + ": zip64 end record", at64);
  require(end64.get<uint32_t>() == kEnd64, ErrorKind::kWeights, "read ", file.path(),
          ": no zip64 end record at byte ", at64);
  end64.take(28);
  return {end64.get<uint64_t>(), end64.get<uint64_t>(), end64.get<uint64_t>(), at64};
}

/// Values that did not fit 32 bits stand in the extra field 0x0001, in this order.
void read_zip64(std::string_view extra, uint64_t& size, uint64_t& packed, uint64_t& offset) {
  ByteReader reader(extra, "zip64 extra field");
  while (reader.left() >= 4) {
    const uint16_t tag = reader.get<uint16_t>();
    ByteReader field(reader.take(reader.get<uint16_t>()), "zip64 extra field");
    if (tag != 1) continue;
    for (uint64_t* value : {&size, &packed, &offset})
      if (*value == kIn64) *value = field.get<uint64_t>();
    return;
  }
}

ZipMember read_member(ByteReader& central, const MappedFile& file) {
  const std::string what = "read " + file.path() + ": zip directory";
  const size_t at = central.at();
  require(central.get<uint32_t>() == kCentral, ErrorKind::kWeights, what, ": no entry at byte ",
          at);
  central.take(4);
  const uint16_t flags = central.get<uint16_t>(), method = central.get<uint16_t>();
  central.take(4);
  ZipMember member{};
  member.crc = central.get<uint32_t>();
  uint64_t packed = central.get<uint32_t>(), size = central.get<uint32_t>();
  const uint16_t name = central.get<uint16_t>(), extra = central.get<uint16_t>();
  const uint16_t comment = central.get<uint16_t>();
  central.take(8);
  uint64_t header = central.get<uint32_t>();
  member.name = central.take(name);
  read_zip64(central.take(extra), size, packed, header);
  central.take(comment);
  require(!(flags & 1), ErrorKind::kWeights, what, ": ", member.name, " is encrypted");
  require((method == 0 && packed == size) || method == 8, ErrorKind::kWeights, what, ": ",
          member.name, " is compressed by method ", method, ", ", packed, " to ", size,
          " bytes; not supported");
  require(header <= file.size(), ErrorKind::kWeights, what, ": ", member.name, " starts at byte ",
          header, " of ", file.size());

  ByteReader local(file.bytes(), "read " + file.path() + ": local header of " + member.name,
                   header);
  require(local.get<uint32_t>() == kLocal, ErrorKind::kWeights, what, ": no local header at byte ",
          header, " for ", member.name);
  local.take(2);
  const uint16_t local_flags = local.get<uint16_t>(), local_method = local.get<uint16_t>();
  local.take(8);
  const uint32_t local_packed = local.get<uint32_t>(), local_size = local.get<uint32_t>();
  const uint16_t local_name = local.get<uint16_t>(), local_extra = local.get<uint16_t>();
  const auto agrees = [&](uint32_t value, uint64_t expected) {
    // Bit 3: the sizes follow behind the data, the header says 0.
    return value == expected || value == kIn64 || ((local_flags & 8) && value == 0);
  };
  require(local.take(local_name) == member.name && local_method == method &&
              agrees(local_packed, packed) && agrees(local_size, size),
          ErrorKind::kWeights, what, ": the local header of ", member.name, " says otherwise");
  local.take(local_extra);
  member.header = header;
  member.offset = local.at();
  member.packed = packed;
  member.size = size;
  member.deflated = method == 8;
  return member;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const MappedFile& file) {
  const Directory directory = read_end(file);
  require(directory.offset <= directory.end && directory.size <= directory.end - directory.offset,
          ErrorKind::kWeights, "read ", file.path(),
          ": the zip's directory does not fit before byte ", directory.end);
  require(directory.count <= kMaxMembers, ErrorKind::kWeights, "read ", file.path(), ": ",
          directory.count, " zip members, at most ", kMaxMembers);
  const std::string_view bytes = file.bytes().substr(0, directory.offset + directory.size);
  ByteReader central(bytes, "read " + file.path() + ": zip directory", directory.offset);
  std::vector<ZipMember> members;
  std::set<std::string_view> names;
  for (uint64_t i = 0; i < directory.count; ++i) members.push_back(read_member(central, file));
  for (const ZipMember& member : members)
    require(names.insert(member.name).second, ErrorKind::kWeights, "read ", file.path(),
            ": zip member ", member.name, " twice");

  std::vector<const ZipMember*> order;
  for (const ZipMember& member : members) order.push_back(&member);
  std::sort(order.begin(), order.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->header < b->header; });
  size_t end = 0;
  for (const ZipMember* member : order) {
    require(member->header >= end && (end > 0 || member->header == 0), ErrorKind::kWeights, "read ",
            file.path(), ": zip member ", member->name, " overlaps another or foreign bytes");
    require(
        member->offset <= directory.offset && member->packed <= directory.offset - member->offset,
        ErrorKind::kWeights, "read ", file.path(), ": zip member ", member->name, " (",
        member->packed, " bytes at ", member->offset, ") does not fit before the directory");
    end = member->offset + member->packed;
  }
  return members;
}

std::string inflate(std::string_view packed, size_t most, const std::string& what) {
  constexpr size_t kMostGain = 1032;  // of deflate, by its format
  std::string out(std::min(most, packed.size() * kMostGain), '\0');
  z_stream stream{};
  require(inflateInit2(&stream, -MAX_WBITS) == Z_OK, "inflate: out of memory");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, inflateEnd);
  // zlib counts in 32 bits: both buffers are handed over in pieces.
  size_t read = 0, written = 0;
  int status = Z_OK;
  while (status == Z_OK && written < out.size()) {
    constexpr size_t kPiece = size_t{1} << 30;
    const size_t in = std::min(packed.size() - read, kPiece);
    const size_t room = std::min(out.size() - written, kPiece);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + read));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    status = ::inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
  }
  // Z_BUF_ERROR: the input ended early, which the caller sees from the size.
  require(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, ErrorKind::kWeights,
          what, ": damaged: ", stream.msg ? stream.msg : "not deflated data",
          "; download or copy it again");
  out.resize(written);
  return out;
}

}  // namespace lspt
