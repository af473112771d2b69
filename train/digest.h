/// SHA-256 of what is given piece by piece.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace lspt {

class Digest {
 public:
  Digest();
  /// Bytes of one piece; its length is part of the digest, so that ("ab", "c") is not ("a", "bc").
  void add(std::string_view bytes);
  std::string hex();  ///< 64 digits; once, at the end

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace lspt
