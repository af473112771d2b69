/// Damaged copies of a file, for readers that must survive any bytes.
#pragma once

#include <cstdint>
#include <string>

#include "engine/random.h"

namespace lspt {

/// Calls body(bytes) with every proper prefix of `bytes`, shortest first, then with `count` copies
/// in which one random byte is another. Same seed, same copies.
template <typename Body>
void for_each_mutation(const std::string& bytes, uint64_t seed, uint64_t count, const Body& body) {
  for (size_t length = 0; length < bytes.size(); ++length) body(bytes.substr(0, length));
  const Random random(seed, 0, bytes.size(), Purpose::test);
  for (uint64_t i = 0; i < count; ++i) {
    std::string changed = bytes;
    changed[random.below(2 * i, static_cast<uint32_t>(bytes.size()))] ^=
        static_cast<char>(1 + random.below(2 * i + 1, 255));
    body(changed);
  }
}

}  // namespace lspt
