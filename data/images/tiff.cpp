// TIFF by libtiff: the first page. Rows, or tiles, are read as they are stored and become RGB here,
// with Pillow's arithmetic; libtiff's own conversion multiplies colours by alpha and scales 16 bits
// otherwise. It is left to do what is rare: YCbCr that is not JPEG.
#include <algorithm>
#include <cstring>

#include "data/images/codecs.h"
#include "data/images/tiff_file.h"
#include "engine/error.h"

namespace lspt {
namespace {

uint32_t long_at(const Tiff& file, uint32_t tag) {
  uint32_t value = 0;
  return TIFFGetFieldDefaulted(file.get(), tag, &value) ? value : 0;
}

uint32_t short_at(const Tiff& file, uint32_t tag) {
  uint16_t value = 0;
  return TIFFGetFieldDefaulted(file.get(), tag, &value) ? value : 0;
}

struct Page {
  uint32_t width, height, bits, samples, photometric;
  bool separate;               // a plane for each sample
  bool premultiplied = false;  // its first extra sample is an alpha that colours are multiplied by
  const uint16_t* palette[3] = {};

  uint32_t colours() const {
    return photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR ? 3
           : photometric == PHOTOMETRIC_SEPARATED                             ? 4
                                                                              : 1;
  }
};

/// What is stored in sample `i` of a row.
uint32_t sample_at(const uint8_t* row, size_t i, uint32_t bits) {
  if (bits == 8) return row[i];
  if (bits == 16) {
    uint16_t value;
    std::memcpy(&value, row + 2 * i, 2);
    return value;
  }
  const size_t bit = i * bits;
  return static_cast<uint32_t>(row[bit / 8] >> (8 - bits - bit % 8)) & ((1u << bits) - 1);
}

/// A pixel from its samples, each as stored.
void to_rgb(const Page& page, const uint32_t* in, uint8_t* out) {
  const bool deep = page.bits == 16;
  const auto byte = [&](uint32_t i) { return static_cast<int>(deep ? in[i] >> 8 : in[i]); };
  const uint32_t colours = page.colours();
  if (page.palette[0]) {
    for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(page.palette[c][in[0]] >> 8);
  } else if (colours == 4) {
    for (int c = 0; c < 3; ++c) {
      const int light = 255 - byte(3), t = byte(static_cast<uint32_t>(c)) * light + 128;
      out[c] = static_cast<uint8_t>(light - (((t >> 8) + t) >> 8));
    }
  } else {
    for (uint32_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(byte(colours == 3 ? c : 0));
    if (colours == 1 && deep)  // Pillow's way, as with PNG
      std::fill_n(out, 3, static_cast<uint8_t>(std::min<uint32_t>(in[0], 255)));
    if (colours == 1 && !deep) {
      const uint32_t most = (1u << page.bits) - 1;
      const uint32_t level = page.photometric == PHOTOMETRIC_MINISWHITE ? most - in[0] : in[0];
      std::fill_n(out, 3, static_cast<uint8_t>(level * 255 / most));
    }
    if (page.premultiplied)
      for (int c = 0, alpha = byte(colours); c < 3; ++c)
        out[c] = static_cast<uint8_t>(alpha == 0 ? 0 : std::min(out[c] * 255 / alpha, 255));
  }
}

/// Block by block, which is a strip or a tile: of `w` x `h` pixels, `row_bytes` a row. Where
/// samples are stored apart there is a block for each. False where libtiff fails.
bool read_blocks(const Tiff& file, const Page& page, Image& image) {
  const bool tiled = TIFFIsTiled(file.get()) != 0;
  const uint32_t w = tiled ? long_at(file, TIFFTAG_TILEWIDTH) : page.width;
  const uint32_t h = tiled ? long_at(file, TIFFTAG_TILELENGTH)
                           : std::min(long_at(file, TIFFTAG_ROWSPERSTRIP), page.height);
  const tmsize_t row_bytes = tiled ? TIFFTileRowSize(file.get()) : TIFFScanlineSize(file.get());
  const size_t stored = page.separate ? 1 : page.samples;  // in a block
  if (w == 0 || h == 0 || w > kMaxPixels / h ||
      size_t{w} * stored * page.bits > 8 * static_cast<size_t>(row_bytes))
    return false;
  const uint32_t planes = page.separate ? std::min(page.samples, page.colours() + 1) : 1;
  std::vector<Pixels> blocks(planes);
  for (Pixels& block : blocks) block.resize(static_cast<size_t>(row_bytes) * h);
  std::vector<uint32_t> pixel(std::max<size_t>(stored, planes));
  for (uint32_t y = 0; y < page.height; y += h)
    for (uint32_t x = 0; x < page.width; x += w) {
      const uint32_t rows = std::min(h, page.height - y), columns = std::min(w, page.width - x);
      for (uint16_t plane = 0; plane < planes; ++plane) {
        uint8_t* const to = blocks[plane].data();
        const tmsize_t bytes = row_bytes * (tiled ? h : rows);
        if (bytes != (tiled
                          ? TIFFReadEncodedTile(
                                file.get(), TIFFComputeTile(file.get(), x, y, 0, plane), to, bytes)
                          : TIFFReadEncodedStrip(file.get(), TIFFComputeStrip(file.get(), y, plane),
                                                 to, bytes)))
          return false;
      }
      for (uint32_t r = 0; r < rows; ++r) {
        const size_t from = r * static_cast<size_t>(row_bytes);
        uint8_t* out = image.row(static_cast<int>(y + r)) + 3 * size_t{x};
        for (uint32_t c = 0; c < columns; ++c, out += 3) {
          for (size_t s = 0; s < pixel.size(); ++s)
            pixel[s] = page.separate ? sample_at(&blocks[s][from], c, page.bits)
                                     : sample_at(&blocks[0][from], c * stored + s, page.bits);
          to_rgb(page, pixel.data(), out);
        }
      }
    }
  return true;
}

bool read_by_libtiff(const Tiff& file, Image& image) {
  const auto width = static_cast<uint32_t>(image.width),
             height = static_cast<uint32_t>(image.height);
  std::vector<uint32_t, Unset<uint32_t>> raster(image.pixels.size() / 3);
  TIFFSetField(file.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // turned later
  if (!TIFFReadRGBAImageOriented(file.get(), width, height, raster.data(), ORIENTATION_TOPLEFT, 1))
    return false;
  for (size_t i = 0; i < raster.size(); ++i) {
    image.pixels[3 * i] = static_cast<uint8_t>(TIFFGetR(raster[i]));
    image.pixels[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(raster[i]));
    image.pixels[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(raster[i]));
  }
  return true;
}

/// As the orientation tag says: 2 to 4 mirror and turn, 5 to 8 exchange rows and columns too.
Image turned(Image image, uint32_t orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swap = orientation >= 5;
  const bool mirror = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flip = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  Image out(swap ? image.height : image.width, swap ? image.width : image.height);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int u = mirror ? out.width - 1 - x : x, v = flip ? out.height - 1 - y : y;
      std::copy_n(swap ? image.row(u) + 3 * v : image.row(v) + 3 * u, 3, out.row(y) + 3 * x);
    }
  return out;
}

}  // namespace

Image decode_tiff(std::span<const uint8_t> bytes, const std::string& name) {
  TiffSource memory{bytes};
  const Tiff file = open_tiff(memory);
  const auto check = [&](bool good) {
    require(good, ErrorKind::kData, "read image: ", name, ": truncated or corrupt TIFF",
            memory.trouble.empty() ? "" : " (" + memory.trouble + ")");
  };
  const auto support = [&](bool good, const auto&... what) {
    require(good, ErrorKind::kData, "read image: ", name, ": a TIFF of ", what...);
  };
  check(file != nullptr);
  Page page{long_at(file, TIFFTAG_IMAGEWIDTH),
            long_at(file, TIFFTAG_IMAGELENGTH),
            short_at(file, TIFFTAG_BITSPERSAMPLE),
            short_at(file, TIFFTAG_SAMPLESPERPIXEL),
            short_at(file, TIFFTAG_PHOTOMETRIC),
            short_at(file, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE};
  check_image_size(page.width, page.height, name);
  const uint32_t compression = short_at(file, TIFFTAG_COMPRESSION);
  support(
      TIFFIsCODECConfigured(static_cast<uint16_t>(compression)) && compression != COMPRESSION_OJPEG,
      "compression ", compression, ", which is not read");
  const uint32_t photometric = page.photometric, bits = page.bits;
  support(photometric <= PHOTOMETRIC_PALETTE || photometric == PHOTOMETRIC_SEPARATED ||
              photometric == PHOTOMETRIC_YCBCR,
          "colour kind ", photometric, ", which is not read");
  const uint32_t format = short_at(file, TIFFTAG_SAMPLEFORMAT);
  support(format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID || bits == 8,
          "signed or floating numbers; unsigned ones expected");
  const bool small = page.colours() == 1 && (bits == 1 || bits == 2 || bits == 4);
  support(bits == 8 || small || (bits == 16 && photometric != PHOTOMETRIC_PALETTE), bits,
          " bits a sample; 8 or 16 expected, of gray or a palette 1, 2, 4 or 8");
  support(page.samples >= page.colours() &&
              page.samples <= page.colours() + (page.colours() == 1 ? 1 : 5),
          page.samples, " samples a pixel; ", page.colours(), " expected, and alpha");
  if (photometric == PHOTOMETRIC_PALETTE) {
    uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    check(TIFFGetField(file.get(), TIFFTAG_COLORMAP, &red, &green, &blue) != 0);
    page.palette[0] = red;
    page.palette[1] = green;
    page.palette[2] = blue;
  }
  uint16_t extras = 0, *kinds = nullptr;
  if (TIFFGetField(file.get(), TIFFTAG_EXTRASAMPLES, &extras, &kinds) && extras > 0)
    page.premultiplied =
        page.samples > page.colours() && kinds[0] == EXTRASAMPLE_ASSOCALPHA && page.colours() != 4;
  const bool jpeg = compression == COMPRESSION_JPEG && photometric == PHOTOMETRIC_YCBCR;
  if (jpeg) TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);

  const uint32_t orientation = short_at(file, TIFFTAG_ORIENTATION);
  Image image(static_cast<int>(page.width), static_cast<int>(page.height));
  memory.trouble.clear();
  memory.in_pixels = true;
  const bool good = photometric == PHOTOMETRIC_YCBCR && (!jpeg || page.separate)
                        ? read_by_libtiff(file, image)
                        : read_blocks(file, page, image);
  check(good && memory.trouble.empty());
  return turned(std::move(image), orientation);
}

}  // namespace lspt
