/// Image files -> 8-bit RGB, with the values that Pillow's `open(path).convert("RGB")` gives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lspt {

/// Bytes that begin with any value: who makes an image writes every pixel.
template <typename T>
struct Unset : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = Unset<U>;
  };
  template <typename U>
  void construct(U*) noexcept {}
  template <typename U, typename Value>
  void construct(U* at, Value&& value) {
    *at = std::forward<Value>(value);
  }
};
using Pixels = std::vector<uint8_t, Unset<uint8_t>>;

struct Size {
  int width, height;
};

/// RGB bytes, interleaved, rows from the top; pixels.size() == 3 * width * height.
struct Image {
  int width = 0;
  int height = 0;
  Pixels pixels;

  Image() = default;
  Image(int w, int h)
      : width(w), height(h), pixels(3 * static_cast<size_t>(w) * static_cast<size_t>(h)) {}
  operator Size() const { return {width, height}; }
  const uint8_t* row(int y) const { return pixels.data() + 3 * static_cast<size_t>(y) * width; }
  uint8_t* row(int y) { return pixels.data() + 3 * static_cast<size_t>(y) * width; }
};

/// The same, of pixels that someone else keeps.
struct ImageView {
  int width = 0;
  int height = 0;
  const uint8_t* pixels = nullptr;

  ImageView() = default;
  ImageView(int w, int h, const uint8_t* data) : width(w), height(h), pixels(data) {}
  ImageView(const Image& image) : ImageView(image.width, image.height, image.pixels.data()) {}
  operator Size() const { return {width, height}; }
  explicit operator bool() const { return pixels != nullptr; }
  size_t bytes() const { return 3 * static_cast<size_t>(width) * static_cast<size_t>(height); }
  const uint8_t* row(int y) const { return pixels + 3 * static_cast<size_t>(y) * width; }
};

/// A rectangle of an image.
struct Window {
  int left, top, width, height;
};

/// The pixels of a rectangle of an image, of which no more is in memory.
struct ImagePart {
  Image pixels;
  int left = 0, top = 0;  ///< where they begin
  Size whole;             ///< the image's size

  explicit ImagePart(Image image) : pixels(std::move(image)), whole(pixels) {}
  ImagePart(Image image, int x, int y, const Size& size)
      : pixels(std::move(image)), left(x), top(y), whole(size) {}
};

/// Larger images are refused before memory is taken for them.
inline constexpr int64_t kMaxPixels = 100'000'000;

/// Decodes JPEG, PNG, GIF, WebP (the first picture), TIFF (the first page) or BMP; the bytes decide
/// which, not the name. Gray is replicated (16 bits: clipped at 255, Pillow's way), palettes are
/// expanded, alpha is dropped, CMYK in a JPEG is read as Adobe's inverted CMYK; EXIF orientation
/// and colour profiles are ignored, as is what follows the image. TIFF's own orientation is not:
/// Pillow turns by it too. Throws Error(kData) naming `name` if the bytes are empty, truncated,
/// corrupt (pixels lost, where libjpeg alone would only warn), too large or of another format.
Image decode_image(std::span<const uint8_t> bytes, const std::string& name);

/// decode_image of a file's content.
Image load_image(const std::string& path);

/// From an image's size, the part of it that someone needs.
using Wanted = std::function<Window(const Size&)>;

/// decode_image's pixels in the wanted part (beside it, where the result is larger, they may be
/// others), its errors on all of the file. Cheaper, since of a JPEG with one sequential scan what
/// lies outside is read but not computed: rows and columns at full-size colours (4:4:4, gray),
/// columns at 4:2:0 and 4:2:2. Other files are decoded whole. `wanted` may be empty: all.
ImagePart decode_part(std::span<const uint8_t> bytes, const std::string& name,
                      const Wanted& wanted);
/// decode_part of a file's content.
ImagePart load_part(const std::string& path, const Wanted& wanted);

/// Baseline JPEG, 4:2:0, quality 1..100.
std::vector<uint8_t> encode_jpeg(const Image& image, int quality);
/// PNG, 8-bit RGB; the same image gives the same bytes.
std::vector<uint8_t> encode_png(const Image& image);

/// Throws Error(kData) unless 1 <= width * height <= kMaxPixels.
void check_image_size(int64_t width, int64_t height, const std::string& name);

}  // namespace lspt
