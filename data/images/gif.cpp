// The first picture of a GIF, as Pillow shows it: its transparent colour is a colour like the
// others, and fills what the picture leaves free of the screen (else colour 0 does).
#include <algorithm>
#include <array>
#include <utility>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

using Bytes = std::span<const uint8_t>;

struct Reader {
  Bytes bytes;
  const std::string& name;
  size_t at = 0;

  [[noreturn]] void bad(const char* what) const {
    fail(ErrorKind::kData, "read image: ", name, ": truncated or corrupt GIF (", what, ")");
  }
  uint8_t u8() {
    if (at >= bytes.size()) bad("it ends too early");
    return bytes[at++];
  }
  int u16() {
    const int low = u8();
    return low | u8() << 8;
  }
  Bytes take(size_t count) {
    if (count > bytes.size() - at) bad("it ends too early");
    return bytes.subspan(std::exchange(at, at + count), count);
  }
};

// Data of the blocks that follow, each with its length in front, as a stream of codes.
class Codes {
 public:
  explicit Codes(Reader& reader) : reader_(reader) {}
  int next(int width) {
    while (held_ < width) {
      if (left_ == 0 && (left_ = reader_.u8()) == 0) reader_.bad("pixels are missing");
      bits_ |= uint32_t{reader_.u8()} << held_;
      held_ += 8;
      --left_;
    }
    const int code = static_cast<int>(bits_ & ((1u << width) - 1));
    bits_ >>= width;
    held_ -= width;
    return code;
  }

 private:
  Reader& reader_;
  uint32_t bits_ = 0;
  int held_ = 0, left_ = 0;  // bits; bytes of the block
};

// LZW: code -> the code of all but its last index, and that index.
std::vector<uint8_t> decompress(Reader& reader, size_t count) {
  constexpr int kMaxCodes = 4096;
  const int depth = reader.u8();
  if (depth < 1 || depth > 8) reader.bad("its code size");
  const int clear = 1 << depth, end = clear + 1;
  struct Entry {
    uint16_t prefix, length;
    uint8_t first, last;
  };
  std::array<Entry, kMaxCodes> table;
  for (int i = 0; i < clear; ++i)
    table[static_cast<size_t>(i)] = {0, 1, static_cast<uint8_t>(i), static_cast<uint8_t>(i)};
  std::vector<uint8_t> out;
  out.reserve(count);
  Codes codes(reader);
  int known = end + 1, width = depth + 1, before = -1;
  while (out.size() < count) {
    const int code = codes.next(width);
    if (code == clear) {
      known = end + 1;
      width = depth + 1;
      before = -1;
      continue;
    }
    if (code == end) reader.bad("pixels are missing");
    if (before < 0 ? code >= clear : code > known || (code == known && known == kMaxCodes))
      reader.bad("an unknown code");
    if (before >= 0 && known < kMaxCodes) {
      const Entry& old = table[static_cast<size_t>(before)];
      const uint8_t last = code == known ? old.first : table[static_cast<size_t>(code)].first;
      table[static_cast<size_t>(known++)] = {
          static_cast<uint16_t>(before), static_cast<uint16_t>(old.length + 1), old.first, last};
      if (known == 1 << width && width < 12) ++width;
    }
    before = code;
    const size_t begin = out.size(), length = table[static_cast<size_t>(code)].length;
    out.resize(begin + length);
    int part = code;
    for (size_t i = length; i-- > 0; part = table[static_cast<size_t>(part)].prefix)
      out[begin + i] = table[static_cast<size_t>(part)].last;
  }
  return out;
}

// Pillow's palettes begin as a ramp of grays, of which the file replaces the first ones.
using Palette = std::array<std::array<uint8_t, 3>, 256>;
Palette read_palette(Reader& reader, int flags) {
  Palette palette;
  for (size_t i = 0; i < 256; ++i) palette[i].fill(static_cast<uint8_t>(i));
  if (!(flags & 128)) return palette;
  const Bytes colors = reader.take(size_t{3} << ((flags & 7) + 1));
  for (size_t i = 0; i < colors.size(); ++i) palette[i / 3][i % 3] = colors[i];
  return palette;
}

}  // namespace

Image decode_gif(Bytes bytes, const std::string& name) {
  Reader reader{bytes, name, 6};
  int width = reader.u16(), height = reader.u16();
  const int screen = reader.u8();
  reader.take(2);
  Palette palette = read_palette(reader, screen);
  int fill = 0;
  for (uint8_t kind = reader.u8(); kind != ','; kind = reader.u8()) {
    if (kind == ';') reader.bad("no picture");
    if (kind != '!') continue;  // Pillow looks for the next block as well
    const bool control = reader.u8() == 249;
    bool first = true;
    for (size_t size = reader.u8(); size > 0; size = reader.u8(), first = false) {
      const Bytes block = reader.take(size);
      if (control && first && size >= 4 && (block[0] & 1)) fill = block[3];
    }
  }
  const int left = reader.u16(), top = reader.u16(), columns = reader.u16(), rows = reader.u16();
  const int flags = reader.u8();
  if (flags & 128) palette = read_palette(reader, flags);
  check_image_size(columns, rows, name);
  width = std::max(width, left + columns);
  height = std::max(height, top + rows);
  check_image_size(width, height, name);
  const size_t count = static_cast<size_t>(columns) * static_cast<size_t>(rows);
  // A code of 12 bits stands for 4096 indices at most.
  require(count / 4096 <= bytes.size(), ErrorKind::kData, "read image: ", name, ": truncated GIF, ",
          bytes.size(), " bytes cannot hold ", columns, " x ", rows, " pixels");
  const std::vector<uint8_t> indices = decompress(reader, count);

  Image image(width, height);
  const auto put = [&](int x, int y, uint8_t index) {
    std::copy_n(palette[index].begin(), 3, image.row(y) + 3 * x);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) put(x, y, static_cast<uint8_t>(fill));
  // Interlaced rows come as every 8th from 0, every 8th from 4, every 4th from 2, every 2nd from 1.
  constexpr int kFrom[] = {0, 4, 2, 1, 0}, kStep[] = {8, 8, 4, 2, 1};
  int row = 0;
  for (int pass = flags & 64 ? 0 : 4; pass < 5 && row < rows; ++pass)
    for (int y = kFrom[pass]; y < rows && row < rows; y += kStep[pass], ++row)
      for (int x = 0; x < columns; ++x)
        put(left + x, top + y,
            indices[static_cast<size_t>(row) * static_cast<size_t>(columns) +
                    static_cast<size_t>(x)]);
  return image;
}

}  // namespace lspt
