#include "engine/digest.h"

#include "engine/error.h"
#include "engine/text.h"

namespace lspt {

Digest::Digest(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  require(context_ && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1,
          "digest: OpenSSL failed");
}

void Digest::add(std::string_view bytes) {
  const uint64_t length = bytes.size();
  add_part({reinterpret_cast<const char*>(&length), sizeof length});
  add_part(bytes);
}

void Digest::add_part(std::string_view bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
          "digest: OpenSSL failed");
}

std::array<uint8_t, 32> Digest::bytes() {
  std::array<uint8_t, 32> digest{};
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
          "digest: OpenSSL failed");
  return digest;
}

std::string Digest::hex() {
  const int size = EVP_MD_CTX_size(context_.get());
  return to_hex(bytes().data(), static_cast<size_t>(size));
}

}  // namespace lspt
