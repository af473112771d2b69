/// Damage for parsers.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace lspt {

/// Calls body with every proper prefix of `bytes`, then with `count` copies in each of which one
/// random byte has another value.
template <typename Body>
void for_each_mutation(const std::string& bytes, uint64_t seed, int count, const Body& body) {
  for (size_t size = 0; size < bytes.size(); ++size) body(bytes.substr(0, size));
  std::mt19937_64 random(seed);
  for (int i = 0; i < count && !bytes.empty(); ++i) {
    std::string damaged = bytes;
    damaged[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    body(damaged);
  }
}

}  // namespace lspt
