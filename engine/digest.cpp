#include "engine/digest.h"

#include "engine/error.h"

namespace lspt {

Digest::Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
          "sha256: OpenSSL failed");
}

void Digest::add(std::string_view bytes) {
  const uint64_t length = bytes.size();
  require(EVP_DigestUpdate(context_.get(), &length, sizeof length) == 1 &&
              EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
          "sha256: OpenSSL failed");
}

std::array<uint8_t, 32> Digest::bytes() {
  std::array<uint8_t, 32> digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
          "sha256: OpenSSL failed");
  return digest;
}

std::string Digest::hex() {
  std::string text;
  for (const uint8_t byte : bytes())
    for (const int shift : {4, 0}) text += "0123456789abcdef"[(byte >> shift) & 15];
  return text;
}

}  // namespace lspt
