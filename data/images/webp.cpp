// WebP by libwebp: the first picture, in its place on a black canvas where it is smaller.
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {

Image decode_webp(std::span<const uint8_t> bytes, const std::string& name) {
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> file(WebPDemux(&data),
                                                                      WebPDemuxDelete);
  const auto check = [&](bool good) {
    require(good, ErrorKind::kData, "read image: ", name, ": truncated or corrupt WebP");
  };
  check(file != nullptr);
  const int64_t width = WebPDemuxGetI(file.get(), WEBP_FF_CANVAS_WIDTH);
  const int64_t height = WebPDemuxGetI(file.get(), WEBP_FF_CANVAS_HEIGHT);
  check_image_size(width, height, name);
  WebPIterator frame{};
  const bool found = WebPDemuxGetFrame(file.get(), 1, &frame) != 0;
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)> release(
      &frame, WebPDemuxReleaseIterator);
  // The canvas holds the picture, or else the demuxer has refused the file; the decoder has its own
  // idea of the size.
  int w = 0, h = 0;
  check(found && WebPGetInfo(frame.fragment.bytes, frame.fragment.size, &w, &h) != 0 && w > 0 &&
        h > 0 && frame.x_offset >= 0 && frame.y_offset >= 0 && w <= width - frame.x_offset &&
        h <= height - frame.y_offset);
  Image image(static_cast<int>(width), static_cast<int>(height));
  if (w < width || h < height) std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{0});
  const size_t begin = 3 * (static_cast<size_t>(frame.y_offset) * static_cast<size_t>(width) +
                            static_cast<size_t>(frame.x_offset));
  check(WebPDecodeRGBInto(frame.fragment.bytes, frame.fragment.size, image.pixels.data() + begin,
                          image.pixels.size() - begin, 3 * image.width) != nullptr);
  return image;
}

}  // namespace lspt
