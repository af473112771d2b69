/// SHA-256 of what is given piece by piece.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lspt {

class Digest {
 public:
  explicit Digest(const EVP_MD* algorithm = EVP_sha256());
  /// Bytes of one piece; its length is part of the digest, so that ("ab", "c") is not ("a", "bc").
  void add(std::string_view bytes);
  /// More bytes of one long piece, without its length.
  void add_part(std::string_view bytes);
  std::array<uint8_t, 32> bytes();  ///< once, at the end; of a shorter digest zeros follow
  std::string hex();                ///< the same as two digits a byte

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace lspt
