#include "models/weights/containers/encode.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "models/weights/containers/safetensors.h"
#include "models/weights/containers/torch_file.h"

namespace lspt {
namespace {

uint16_t to_bf16(float value) { return bf16(value).bits; }

uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half = 0;
  if (magnitude > 0x7f800000u) {  // NaN
    half = 0x7e00u;
  } else if (magnitude >= 0x47800000u) {  // 65536 and more, infinity
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    half = static_cast<uint32_t>(std::nearbyint(std::bit_cast<float>(magnitude) * 0x1p24f));
  } else {  // the exponent counts from 15, not 127; 13 bits less, to nearest even
    const uint32_t moved = magnitude - (112u << 23);
    half = (moved + 0xfffu + (moved >> 13 & 1)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

}  // namespace

Element element_of_dtype(const std::string& dtype) {
  for (const Element element : {Element::f32, Element::bf16, Element::f16})
    if (dtype == name_of(element)) return element;
  fail(ErrorKind::kUsage, "dtype '", dtype, "': f32, bf16 or f16 expected");
}

std::vector<uint8_t> encode(const Tensor& values, Element element, const std::string& name) {
  const std::vector<float> floats = values.to_vector();
  std::vector<uint8_t> bytes(floats.size() * size_of(element));
  if (element == Element::f32) {
    if (!bytes.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
    return bytes;
  }
  require(element == Element::bf16 || element == Element::f16, "encode: ", name_of(element));
  const bool half = element == Element::f16;
  const uint16_t infinity = half ? 0x7c00u : 0x7f80u;
  for (size_t i = 0; i < floats.size(); ++i) {
    const uint16_t bits = half ? to_f16(floats[i]) : to_bf16(floats[i]);
    require((bits & 0x7fffu) != infinity || std::isinf(floats[i]), ErrorKind::kWeights,
            "convert: ", name, " holds ", floats[i], " at element ", i, ", which ",
            name_of(element), " cannot hold");
    std::memcpy(bytes.data() + 2 * i, &bits, 2);
  }
  return bytes;
}

void write_weights(const std::string& path,
                   const std::vector<std::pair<std::string, Tensor>>& tensors, Element element,
                   const std::map<std::string, std::string>& metadata) {
  const std::string ending = std::filesystem::path(path).extension().string();
  const bool torch = ending == ".pth" || ending == ".pt" || ending == ".bin";
  require(torch || ending == ".safetensors", ErrorKind::kUsage, "write ", path,
          ": its ending says the format; .safetensors, .pth, .pt or .bin expected");
  if (torch)
    write_torch(path, tensors, element, metadata);
  else
    write_safetensors(path, tensors, metadata, element);
}

}  // namespace lspt
