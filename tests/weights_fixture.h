/// Helpers of the weight and file tests: a folder that goes away, whole-file reads and writes, zip
/// archives made by hand, and the message of the Error that something throws.
#pragma once

#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/errors.h"

namespace lspt::testing {

class TempFolder {
 public:
  TempFolder() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base ? base : "/tmp") + "/lspt_test_XXXXXX";
    require(mkdtemp(path_.data()) != nullptr, "mkdtemp failed");
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);  // truncating a file makes some file systems wait for the disk
  std::ofstream(path, std::ios::binary) << bytes;
}

template <typename T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A stored zip archive; `tweak(central entry)` may lie about a member.
template <typename Tweak>
std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members,
                     const Tweak& tweak) {
  std::string archive, central;
  for (const auto& [name, data] : members) {
    const auto size = static_cast<uint32_t>(data.size());
    const auto crc =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const unsigned char*>(data.data()), size));
    const std::string common =
        little_endian(uint16_t{0}) + little_endian(uint16_t{0}) + little_endian(uint32_t{0}) +
        little_endian(crc) + little_endian(size) + little_endian(size) +
        little_endian(static_cast<uint16_t>(name.size())) + little_endian(uint16_t{0});
    std::string entry = "PK\x01\x02" + std::string(4, '\0') + common + std::string(10, '\0') +
                        little_endian(static_cast<uint32_t>(archive.size())) + name;
    tweak(entry);
    central += entry;
    archive += "PK\x03\x04" + std::string(2, '\0') + common + name + data;
  }
  const auto count = static_cast<uint16_t>(members.size());
  return archive + central + "PK\x05\x06" + std::string(4, '\0') + little_endian(count) +
         little_endian(count) + little_endian(static_cast<uint32_t>(central.size())) +
         little_endian(static_cast<uint32_t>(archive.size())) + std::string(2, '\0');
}

inline std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  return make_zip(members, [](std::string&) {});
}

}  // namespace lspt::testing
