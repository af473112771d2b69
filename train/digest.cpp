#include "train/digest.h"

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

std::string Digest::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  require(EVP_DigestFinal_ex(context_.get(), digest, &length) == 1, "sha256: OpenSSL failed");
  std::string text;
  for (unsigned int i = 0; i < length; ++i)
    for (const int shift : {4, 0}) text += "0123456789abcdef"[(digest[i] >> shift) & 15];
  return text;
}

}  // namespace lspt
