"""What PyTorch makes of a model that lspt export wrote: python3 tests/golden/read_export.py FILE IMAGE...

Prints for each image its most likely class and that one's probability, as `lspt predict` does. All that
is needed is in the file: tensors under timm's names and those of models/*.h, and as metadata the sizes,
the method's switches, the head's input, pixel constants and class names. Needs torch, numpy, Pillow,
safetensors (PyPI).
"""

import json
import sys

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

import reference as ref

CONSTANTS = {"imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
             "half": ([0.5] * 3, [0.5] * 3)}


def load(path):
    """Tensors in double precision, and the metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name).double() for name in file.keys()}, file.metadata()


def pixels(path, size, constants):
    """Short side to 8/7 of the size, bilinear, then the middle: (3, size, size)."""
    image = Image.open(path).convert("RGB")
    short = size * 256 // 224
    width, height = image.size
    if width <= height:
        scaled = (short, int(short * height / width))
    else:
        scaled = (int(short * width / height), short)
    image = image.resize(scaled, Image.BILINEAR)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    image = image.crop((left, top, left + size, top + size))
    mean, deviation = (np.array(c).reshape(3, 1, 1) for c in constants)
    x = np.asarray(image).transpose(2, 0, 1) / 255
    return torch.from_numpy((x - mean) / deviation)


def main(path, images):
    w, about = load(path)
    sizes = json.loads(about["vit"])
    vit = ref.ViT(sizes["img_size"], sizes["patch_size"], sizes["embed_dim"], sizes["depth"],
                  sizes["num_heads"], sizes["eps"])
    switches = json.loads(about["method"])
    for name in ("name", "prompts"):
        switches.pop(name)
    prompts = json.loads(about["method"])["prompts"]
    method = ref.Method(prompts, **switches, adapter_dim=int(any("adapter" in k for k in w)))
    w = {k.replace("fc_norm.", "norm."): v for k, v in w.items()}
    if about["pool"] != "token" and about["fc_norm"] == "0":
        sys.exit("the mean of normalized rows is not in reference.py")
    x = torch.stack([pixels(p, vit.image, CONSTANTS[about["normalization"]]) for p in images])
    answers = ref.forward(w, x, vit, method, about["pool"]).softmax(-1)
    names = json.loads(about["classes"])
    for image, row in zip(images, answers):
        print(f"{image}\t{names[row.argmax()]}\t{row.max():.6f}")


main(sys.argv[1], sys.argv[2:])
