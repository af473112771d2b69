"""Prints tests/golden/pixels.txt: what Pillow and torchvision make of every image of real data sets.

    python tests/golden/make_digest.py DIR >tests/golden/pixels.txt

DIR holds cub10/ (ten classes of CUB-200-2011) and flowers102_64/ (Oxford Flowers-102 at 64 x 64). A
line is `set images stage sha256`, the digest over all .jpg files in the order of their paths'
bytes: for each, path, "width height" and RGB bytes, each with its length in front (8 bytes, little
endian). Stages: decoded; fgvc-FILTER, short side 256 and centre crop 224; vtab-FILTER, 224 x 224.
"""
import hashlib
import os
import struct
import sys

from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def stages(image):
    yield "decoded", image
    for name, mode in FILTERS.items():
        yield "fgvc-" + name, F.center_crop(F.resize(image, 256, mode), [224, 224])
    for name, mode in FILTERS.items():
        # Columns, then rows, in two calls: what one does up to Pillow 12, while 13 begins with the
        # rows where they shrink much more (its change 9549), which moves some pixels by a level.
        columns = F.resize(image, [image.height, 224], mode)
        yield "vtab-" + name, F.resize(columns, [224, 224], mode)


def main(root):
    for data in ("cub10", "flowers102_64"):
        paths = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(os.path.join(root, data))
                 for name in names if name.endswith(".jpg")]
        digests = {}
        for path in sorted(paths, key=os.fsencode):
            for stage, image in stages(Image.open(os.path.join(root, path)).convert("RGB")):
                digest = digests.setdefault(stage, hashlib.sha256())
                for piece in (path.encode(), b"%d %d" % image.size, image.tobytes()):
                    digest.update(struct.pack("<Q", len(piece)) + piece)
        for stage, digest in digests.items():
            print(data, len(paths), stage, digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
