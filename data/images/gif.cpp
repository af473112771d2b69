// The first picture of a GIF by giflib, as Pillow shows it: its transparent colour is a colour like
// the others, and fills what the picture leaves free of the screen (else colour 0 does).
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "data/images/codecs.h"
#include "engine/error.h"

namespace lspt {
namespace {

using Bytes = std::span<const uint8_t>;

int read_gif_bytes(GifFileType* gif, GifByteType* to, int count) {
  Bytes& left = *static_cast<Bytes*>(gif->UserData);
  const size_t taken = std::min(static_cast<size_t>(count), left.size());
  std::copy_n(left.begin(), taken, to);
  left = left.subspan(taken);
  return static_cast<int>(taken);
}

}  // namespace

Image decode_gif(Bytes bytes, const std::string& name) {
  Bytes left = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, void (*)(GifFileType*)> gif(
      DGifOpen(&left, read_gif_bytes, &error), [](GifFileType* g) { DGifCloseFile(g, nullptr); });
  const auto check = [&](bool good) {
    const char* why = good ? nullptr : GifErrorString(gif ? gif->Error : error);
    require(good, ErrorKind::kData, "read image: ", name, ": truncated or corrupt GIF by byte ",
            bytes.size() - left.size(), " (", why ? why : "no picture", ")");
  };
  check(gif != nullptr);
  int fill = 0;
  for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
    gif->Error = 0;
    // Pillow looks for the next block as well where something else stands between two.
    if (DGifGetRecordType(gif.get(), &record) == GIF_ERROR)
      check(gif->Error == D_GIF_ERR_WRONG_RECORD);
    check(record != TERMINATE_RECORD_TYPE);
    if (record != EXTENSION_RECORD_TYPE) continue;
    int kind = 0;
    GifByteType* block = nullptr;  // its length, then its bytes
    check(DGifGetExtension(gif.get(), &kind, &block) == GIF_OK);
    if (block && kind == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4 && (block[1] & 1)) fill = block[4];
    while (block) check(DGifGetExtensionNext(gif.get(), &block) == GIF_OK);
  }
  check(DGifGetImageDesc(gif.get()) == GIF_OK);
  const GifImageDesc& part = gif->Image;
  check_image_size(part.Width, part.Height, name);
  const int width = std::max(gif->SWidth, part.Left + part.Width),
            height = std::max(gif->SHeight, part.Top + part.Height);
  check_image_size(width, height, name);

  // Pillow's palettes begin as a ramp of grays, of which the file replaces the first ones.
  std::array<std::array<uint8_t, 3>, 256> palette;
  for (size_t i = 0; i < 256; ++i) palette[i].fill(static_cast<uint8_t>(i));
  if (const ColorMapObject* map = part.ColorMap ? part.ColorMap : gif->SColorMap)
    for (int i = 0; i < map->ColorCount; ++i)
      palette[static_cast<size_t>(i)] = {map->Colors[i].Red, map->Colors[i].Green,
                                         map->Colors[i].Blue};

  Image image(width, height);
  uint8_t* const begin = image.pixels.data();
  for (size_t i = 0; i < image.pixels.size(); i += 3)
    std::copy_n(palette[static_cast<size_t>(fill)].begin(), 3, begin + i);
  std::vector<GifPixelType> line(static_cast<size_t>(part.Width));
  // Interlaced rows come as every 8th from 0, every 8th from 4, every 4th from 2, every 2nd from 1.
  constexpr int kFrom[] = {0, 4, 2, 1, 0}, kStep[] = {8, 8, 4, 2, 1};
  for (int pass = part.Interlace ? 0 : 4, last = part.Interlace ? 3 : 4; pass <= last; ++pass)
    for (int y = kFrom[pass]; y < part.Height; y += kStep[pass]) {
      check(DGifGetLine(gif.get(), line.data(), part.Width) == GIF_OK);
      uint8_t* to = image.row(part.Top + y) + 3 * part.Left;
      for (const GifPixelType index : line) to = std::copy_n(palette[index].begin(), 3, to);
    }
  return image;
}

}  // namespace lspt
