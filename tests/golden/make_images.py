"""Writes tests/golden/images: small image files and digests of what Pillow and torchvision make of
them. Run from the repository's root with Pillow, tifffile, numpy, torch and torchvision installed:

    python tests/golden/make_images.py

decoded.txt     file width height crc32               of Image.open(file).convert("RGB")
resized.txt     width height to_width to_height filter crc32   of pattern(width, height).resize(...)
resized_tf.txt  width height to_width to_height crc32   of resize_tf below
transforms.txt  width height size filter constants top left flip crc32   of the float32 CHW tensor;
                top = -1 for CenterCrop
"""
import io
import os
import struct
import zlib

import numpy as np
import tifffile
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

OUT = "tests/golden/images"


def pattern(width, height):
    """The same image as pattern() in tests/data_fixtures.h: ramps with hard edges."""
    y, x, c = np.ogrid[:height, :width, :3]
    value = x * 37 + y * 91 + c * 53 + (x * y) % 97 * 3 + ((x // 5 + y // 7) % 2) * 128
    return Image.fromarray((value & 255).astype(np.uint8), "RGB")


def soft(width, height):
    """What JPEG is for: a smooth picture."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 100 * np.sin(x / 5 + c) * np.cos(y / 7 - c) for c in range(3)]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8), "RGB")


def resize_tf(image, width, height):
    """tf.compat.v1.image.resize, from resize_bilinear_op.cc: float32, LegacyScaler."""
    def taps(n, m):
        x = np.arange(m, dtype=np.float32) * (np.float32(n) / np.float32(m))
        low = np.floor(x).astype(int)
        return np.minimum(low, n - 1), np.minimum(low + 1, n - 1), x - low.astype(np.float32)
    image = image.astype(np.float32)
    left, right, t = taps(image.shape[1], width)
    rows = image[:, left] + (image[:, right] - image[:, left]) * t[:, None]
    top, bottom, t = taps(image.shape[0], height)
    return rows[top] + (rows[bottom] - rows[top]) * t[:, None, None]


def crc(data):
    return zlib.crc32(data)


def write(name, data):
    with open(f"{OUT}/{name}", "wb") as f:
        f.write(data)


def write_bmp(name, width, height):
    """32 bits a pixel, rows from the top."""
    pixels = np.asarray(pattern(width, height))[..., [2, 1, 0, 0]]
    header = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 32, 0, pixels.size, 0, 0, 0, 0)
    write(name, b"BM" + struct.pack("<IHHI", 54 + pixels.size, 0, 0, 54) + header
          + pixels.tobytes())


def write_png(name, width, height, depth, color, rows_of_passes, trns=None):
    """A PNG from filtered rows, for kinds that Pillow does not write."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    interlaced = len(rows_of_passes) > 1
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    raw = b"".join(b"\0" + row for rows in rows_of_passes for row in rows)
    write(name, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
          + (chunk(b"tRNS", trns) if trns else b"") + chunk(b"IDAT", zlib.compress(raw))
          + chunk(b"IEND", b""))


def write_files():
    picture = soft(45, 31)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        picture.save(f"{OUT}/rgb_{name}.jpg", quality=85, subsampling=subsampling)
    picture.save(f"{OUT}/progressive.jpg", quality=80, progressive=True)
    picture.convert("L").save(f"{OUT}/gray.jpg", quality=85)
    picture.convert("CMYK").save(f"{OUT}/cmyk.jpg", quality=90)
    with open(f"{OUT}/cmyk.jpg", "rb") as f:
        cmyk = f.read()
    adobe = cmyk.index(b"\xff\xee\0\x0eAdobe")
    write("ycck.jpg", cmyk[:adobe + 15] + b"\2" + cmyk[adobe + 16:])  # its colour transform
    write("cmyk_plain.jpg", cmyk[:adobe] + cmyk[adobe + 16:])
    buffer = io.BytesIO()
    picture.crop((0, 0, 16, 16)).save(buffer, "jpeg", quality=75)
    write("trailing.jpg", buffer.getvalue() + b"after the end \xff\xd8\xff")
    write("padded.jpg", buffer.getvalue()[:-2] + b"\0\0\0\xff\xd9")
    picture.crop((9, 9, 10, 10)).save(f"{OUT}/one_pixel.jpg")
    picture.resize((300, 1)).save(f"{OUT}/flat.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    picture.save(f"{OUT}/exif_icc.jpg", quality=85, exif=exif, icc_profile=b"not a profile" * 9)
    alpha = np.asarray(pattern(23, 17))[..., :1]
    rgba = Image.fromarray(np.concatenate([np.asarray(picture.crop((0, 0, 23, 17))), alpha], -1))
    rgba.save(f"{OUT}/rgba.png")
    with open(f"{OUT}/rgba.png", "rb") as f, open(f"{OUT}/png_inside.jpg", "wb") as g:
        g.write(f.read())
    picture.quantize(13).save(f"{OUT}/palette.png", transparency=3)
    for colors, bits in ((2, 1), (4, 2), (16, 4), (200, 8)):
        picture.quantize(colors).save(f"{OUT}/palette_{bits}.png", bits=bits)
    for bits in (2, 4):
        rows = np.asarray(pattern(8 * 3, 5))[:, :3 * bits, 0]
        write_png(f"gray_{bits}.png", 24, 5, bits, 0, [[row.tobytes() for row in rows]])
    write_png("gray_trns.png", 9, 5, 8, 0, [[bytes(range(y, y + 9)) for y in range(5)]],
              trns=b"\0\5")
    picture.convert("L").convert("1").save(f"{OUT}/one_bit.png")
    Image.fromarray(np.asarray(pattern(23, 17))[..., :2].copy(), "LA").save(f"{OUT}/gray_alpha.png")
    wide = (np.arange(19 * 11).reshape(11, 19) * 311 % 65536).astype(">u2")
    wide[0, :8] = [0, 1, 100, 254, 255, 256, 257, 65535]
    write_png("gray16.png", 19, 11, 16, 0, [[row.tobytes() for row in wide]])
    deep = np.stack([wide, wide[::-1], wide[:, ::-1]], -1).astype(">u2")
    write_png("rgb16.png", 19, 11, 16, 2, [[row.tobytes() for row in deep]])
    for channels, color in ((2, 4), (4, 6)):
        deep = np.stack([np.roll(wide, k, 1) for k in range(channels)], -1).astype(">u2")
        write_png(f"alpha16_{channels}.png", 19, 11, 16, color, [[row.tobytes() for row in deep]])
    pixels = np.asarray(pattern(13, 10))
    passes = [pixels[y::dy, x::dx] for x, y, dx, dy in
              ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
               (0, 1, 1, 2))]
    write_png("interlaced.png", 13, 10, 8, 2, [[row.tobytes() for row in p] for p in passes])
    pattern(23, 17).save(f"{OUT}/rgb.bmp")
    picture.crop((0, 0, 21, 9)).quantize(16).save(f"{OUT}/palette.bmp")
    picture.crop((0, 0, 21, 9)).convert("1").save(f"{OUT}/one_bit.bmp")
    write_bmp("rgbx.bmp", 13, 10)
    small = picture.resize((21, 14)).quantize(60)
    small.save(f"{OUT}/palette.gif", interlace=0)
    small.save(f"{OUT}/interlaced.gif", interlace=1, transparency=7)
    picture.resize((21, 14)).convert("L").save(f"{OUT}/gray.gif")
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (70, 70), np.uint8)).save(
        f"{OUT}/noise.gif")  # fills the table of codes
    with open(f"{OUT}/interlaced.gif", "rb") as f:
        gif = bytearray(f.read())
    gif[6], gif[8] = 29, 20  # a screen larger than its picture, which stands in a corner of it
    frame = gif.index(b",\0\0\0\0\x15\0\x0e\0")
    gif[frame + 1], gif[frame + 3] = 5, 3
    write("part_of_screen.gif", gif)


def write_webp():
    picture = soft(45, 31)
    alpha = np.asarray(pattern(45, 31))[..., :1]
    rgba = Image.fromarray(np.concatenate([np.asarray(picture), alpha], -1))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(f"{OUT}/lossy.webp", quality=80, exif=exif)
    picture.save(f"{OUT}/lossless.webp", lossless=True)
    rgba.save(f"{OUT}/alpha.webp", quality=80)
    rgba.save(f"{OUT}/alpha_lossless.webp", lossless=True, exact=True)
    picture.save(f"{OUT}/animated.webp", save_all=True, append_images=[picture.rotate(9)])
    with open(f"{OUT}/lossy.webp", "rb") as f:
        data = f.read()
    at = data.index(b"VP8 ")
    frame = data[at:at + 8 + int.from_bytes(data[at + 4:at + 8], "little")]
    def chunk(kind, body):
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    def three(*values):
        return b"".join(value.to_bytes(3, "little") for value in values)
    body = b"WEBP" + chunk(b"VP8X", b"\2\0\0\0" + three(59, 39))
    body += chunk(b"ANIM", b"\x40\x80\xc0\xff\0\0")  # a background that decoders pass over
    body += chunk(b"ANMF", three(4, 3, 44, 30, 100) + b"\0" + frame)
    write("part_of_canvas.webp", b"RIFF" + struct.pack("<I", len(body)) + body)


def write_tiff():
    picture = soft(45, 31)
    pixels = np.asarray(picture)
    alpha = np.asarray(pattern(45, 31))[..., :1]
    rgba = Image.fromarray(np.concatenate([pixels, alpha], -1))
    def save(name, image, **options):
        image.save(f"{OUT}/{name}.tif", **options)
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        save(f"rgb_{(compression or 'raw').split('_')[-1]}", picture, compression=compression)
    save("gray_jpeg", picture.convert("L"), compression="jpeg")
    save("cmyk", picture.convert("CMYK"))
    save("cmyk_jpeg", picture.convert("CMYK"), compression="jpeg")
    save("fax", picture.convert("1"), compression="group4")
    save("palette", picture.quantize(50), compression="tiff_lzw")
    save("alpha", rgba, compression="tiff_lzw")
    save("pages", picture, save_all=True, append_images=[picture.rotate(9)])
    for k in range(2, 9):
        save(f"turned_{k}", picture.crop((0, 0, 9, 5)), tiffinfo={0x0112: k})
    wide = (np.arange(19 * 11).reshape(11, 19) * 311 % 65536).astype("u2")
    wide[0, :8] = [0, 1, 100, 254, 255, 256, 257, 65535]
    deep = np.stack([wide, wide[::-1], wide[:, ::-1], np.roll(wide, 5, 1)], -1)
    def exact(name, data, **options):
        tifffile.imwrite(f"{OUT}/{name}.tif", data, metadata=None, software=False, **options)
    exact("gray16", wide, photometric="minisblack")
    exact("gray16_big_endian", wide, photometric="minisblack", byteorder=">")
    exact("rgb16", deep[..., :3], photometric="rgb", compression="zlib")
    exact("rgba16", deep, photometric="rgb", extrasamples=["unassalpha"], byteorder=">")
    exact("multiplied", np.asarray(rgba), photometric="rgb", extrasamples=["assocalpha"])
    exact("multiplied16", deep, photometric="rgb", extrasamples=["assocalpha"])
    exact("cmyk16", deep, photometric="separated")
    exact("gray_alpha", np.asarray(rgba)[..., 2:], photometric="minisblack",
          extrasamples=["unassalpha"])
    exact("white_is_0", pixels[..., 0], photometric="miniswhite")
    exact("planes", pixels.transpose(2, 0, 1), photometric="rgb", planarconfig="separate",
          compression="zlib", rowsperstrip=7)
    exact("tiles", pixels, photometric="rgb", tile=(16, 32), compression="zlib", predictor=True)
    exact("tiled_planes", pixels.transpose(2, 0, 1), photometric="rgb", planarconfig="separate",
          tile=(16, 16))
    exact("big", pixels, photometric="rgb", bigtiff=True)
    exact("ycbcr", np.asarray(picture.convert("YCbCr")), photometric="ycbcr", compression="zlib",
          extratags=[(530, "H", 2, (1, 1), True)])


def write_digests():
    with open(f"{OUT}/decoded.txt", "w") as f:
        for name in sorted(os.listdir(OUT)):
            if not name.endswith(".txt"):
                image = Image.open(f"{OUT}/{name}").convert("RGB")
                f.write(f"{name} {image.width} {image.height} {crc(image.tobytes())}\n")
    filters = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
    sizes = [(1, 1, 5, 7), (7, 5, 7, 5), (7, 5, 1, 1), (64, 48, 32, 24), (33, 21, 32, 22),
             (50, 37, 85, 63), (37, 50, 37, 20), (61, 43, 20, 43), (100, 75, 256, 192),
             (300, 200, 64, 43), (500, 333, 384, 256), (17, 421, 3, 100), (3, 2, 64, 64),
             (2, 301, 5, 150), (129, 127, 128, 128), (255, 40, 11, 77)]
    with open(f"{OUT}/resized.txt", "w") as f:
        for name, resample in filters.items():
            for w, h, to_w, to_h in sizes:
                # One axis at a time, columns first: what one call does up to Pillow 12, while 13
                # begins with the rows of some tall images.
                columns = pattern(w, h).resize((to_w, h), resample)
                data = columns.resize((to_w, to_h), resample).tobytes()
                f.write(f"{w} {h} {to_w} {to_h} {name} {crc(data)}\n")
    with open(f"{OUT}/resized_tf.txt", "w") as f:
        for w, h, to_w, to_h in sizes[:4] + [(37, 50, 224, 224), (300, 200, 64, 43)]:
            data = resize_tf(np.asarray(pattern(w, h)), to_w, to_h).tobytes()
            f.write(f"{w} {h} {to_w} {to_h} {crc(data)}\n")
    constants = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
                 "half": ((0.5,) * 3, (0.5,) * 3)}
    modes = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
    cases = [(300, 200, 224, "bilinear", "imagenet", -1, -1, 0),
             (200, 301, 224, "bicubic", "half", -1, -1, 0),
             (75, 50, 56, "bilinear", "imagenet", 3, 17, 1),
             (50, 75, 56, "bicubic", "imagenet", 21, 8, 0),
             (31, 31, 28, "bilinear", "half", -1, -1, 0),
             (59, 61, 32, "bilinear", "imagenet", -1, -1, 0),
             (40, 97, 384, "bilinear", "imagenet", -1, -1, 0)]
    cases += [(37, 37 + k, 32, "bilinear", "half", -1, -1, 0) for k in range(1, 9)]
    with open(f"{OUT}/transforms.txt", "w") as f:
        for w, h, size, filter_name, norm, top, left, flip in cases:
            side = {224: 256, 384: 438}.get(size, size * 256 // 224)
            image = F.resize(pattern(w, h), side, modes[filter_name])
            image = F.center_crop(image, [size, size]) if top < 0 else F.crop(image, top, left, size, size)
            if flip:
                image = F.hflip(image)
            tensor = F.normalize(F.to_tensor(image), *constants[norm])
            assert tensor.dtype == torch.float32
            f.write(f"{w} {h} {size} {filter_name} {norm} {top} {left} {flip} "
                    f"{crc(tensor.contiguous().numpy().tobytes())}\n")


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    write_files()
    write_webp()
    write_tiff()
    write_digests()
