/// Helpers of the weight and file tests: zip archives made by hand.
#pragma once

#include <zlib.h>

#include <string>
#include <vector>

#include "engine/error.h"
#include "tests/errors.h"
#include "tests/files.h"

namespace lspt::testing {

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
