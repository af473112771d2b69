/// The decoders behind decode_part, one per format. Each is given bytes that start with its own
/// signature, and throws Error(kData) naming `name`.
#pragma once

#include "data/images/image.h"

namespace lspt {

ImagePart decode_jpeg(std::span<const uint8_t> bytes, const std::string& name,
                      const Wanted& wanted);
Image decode_png(std::span<const uint8_t> bytes, const std::string& name);
Image decode_gif(std::span<const uint8_t> bytes, const std::string& name);
Image decode_bmp(std::span<const uint8_t> bytes, const std::string& name);
Image decode_webp(std::span<const uint8_t> bytes, const std::string& name);
Image decode_tiff(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace lspt
