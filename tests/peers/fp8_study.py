"""What products by frozen weights in 8 bits would cost in accuracy: LSPT on a ViT in DINOv2's
layout, on the CPU, with e4m3's rounding simulated in f32. Nothing of this is in the program.

  python3 tests/peers/fp8_study.py --data DIR --weights FILE

--data holds a CUB folder, --weights is safetensors with timm's names. The model is that of
tests/golden/reference.py; in place of F.linear its products by frozen weights, and their gradients
by what enters, are computed in one of these ways. All else stays in f32.

  none           f32, what the others are compared with
  bf16           operands and results in bf16, as the program does it
  rows           operands e4m3(x / s) s, s = amax / 448 of what one result sums: a row of the
                 activation or gradient and a row of the weight, on the way back a column of it
  rows, forward  the same, but bf16 on the way back
  tensor         one s an operand; results of all three are in bf16

Printed: a training run of each from the same seed; errors of logits and gradients against none at
the same weights; what operands look like and what rounding does to them; all that as JSON.
"""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import reference as ref  # noqa: E402

GROUPS = ("prompt", "lspt", "head")  # what is trained, by the first part of its name


def e4m3(x, amax):
    s = torch.where(amax > 0, amax / 448, torch.ones_like(amax))
    # Clamped first: not every version of PyTorch saturates in the cast.
    return (x / s).clamp_(-448, 448).to(torch.float8_e4m3fn).to(x.dtype).mul_(s)


# Roundings of an operand whose axis `dim` is summed over.
exact = lambda x, dim=-1: x
bf16 = lambda x, dim=-1: x.bfloat16().to(x.dtype)
rows = lambda x, dim=-1: e4m3(x, x.abs().amax(dim, keepdim=True))
tensor = lambda x, dim=-1: e4m3(x, x.abs().amax())
# Of what is stored, of operands, and of operands on the way back.
VARIANTS = {"none": (exact, exact, exact), "bf16": (bf16, bf16, bf16), "rows": (bf16, rows, rows),
            "rows, forward": (bf16, rows, bf16), "tensor": (bf16, tensor, tensor)}


class Product(torch.autograd.Function):  # x W^T + b
    @staticmethod
    def forward(ctx, x, weight, bias, p):
        ctx.weight, ctx.products = weight, p
        p.look(f"{p.names[weight]} x", x)
        return p.store(F.linear(p.ahead(p.store(x)), p.rounded[weight][0], bias))

    @staticmethod
    def backward(ctx, dy):
        weight, p = ctx.weight, ctx.products
        p.look(f"{p.names[weight]} dY", dy)
        return p.store(p.back(p.store(dy)) @ p.rounded[weight][1]), None, None, None


class Products:
    """Has the reference compute its products by frozen weights in this way."""

    def __init__(self, w, variant, look=lambda name, x: None):
        self.look, (self.store, self.ahead, self.back) = look, VARIANTS[variant]
        self.names = {v: name.split(".", 2)[2][:-7] for name, v in w.items() if v.dim() == 2}
        self.rounded = {weight: (self.ahead(weight), self.back(weight, 0)) for weight in self.names}
        ref.F = SimpleNamespace(**vars(F) | {"linear": self.linear})

    def linear(self, x, w, b):
        return Product.apply(x, w, b, self) if w in self.names else F.linear(x, w, b)


def look(seen, name, x):
    """amax / rms of the rows (their mean) and of the tensor; with a scale a row and with one, the
    rows' mean relative error and the share that becomes 0. The worst over blocks."""
    x = x.flatten(0, -2)
    x = x[x.abs().amax(-1) > 0]  # the last block has gradients of the class rows alone
    size = x.norm(dim=-1)
    new = [(x.abs().amax(-1) / size).mean() * x.shape[-1]**0.5,
           x.abs().max() / x.square().mean().sqrt()]
    for y in rows(x), tensor(x):
        new += [((y - x).norm(dim=-1) / size).mean(), ((y == 0) & (x != 0)).float().mean()]
    seen[name] = [max(pair) for pair in zip(new, seen.get(name, new))]


def load_backbone(path, image):
    w = {name: value.float() for name, value in load_file(path).items()}
    d, _, _, patch = w["patch_embed.proj.weight"].shape
    for name in [name for name in w if name.endswith("gamma")]:  # layer scale: rows of a product
        product = name.replace("ls1.gamma", "attn.proj").replace("ls2.gamma", "mlp.fc2")
        gamma = w.pop(name)
        w[product + ".weight"] *= gamma[:, None]
        w[product + ".bias"] *= gamma
    pos, side = w["pos_embed"], image // patch
    grid = pos[:, 1:].transpose(1, 2).unflatten(-1, (round((pos.shape[1] - 1)**0.5), -1))
    grid = F.interpolate(grid, (side, side), mode="bicubic", antialias=True)
    w["pos_embed"] = torch.cat([pos[:, :1], grid.flatten(2).transpose(1, 2)], 1)
    return ref.ViT(image, patch, d, sum("norm1.w" in name for name in w), d // 64), w


def load_images(folder, size):
    """Images and labels of both splits; of each image the middle 7/8 of its short side."""
    folder = next(Path(folder).rglob("images.txt")).parent
    table = lambda name: [line.split()[1] for line in (folder / name).open()]
    images = [ImageOps.fit(Image.open(folder / "images" / name).convert("RGB"), (size, size),
                           Image.Resampling.BILINEAR, bleed=1 / 16) for name in table("images.txt")]
    images = (np.stack(images) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    images = torch.tensor(images, dtype=torch.float32).permute(0, 3, 1, 2)
    labels = torch.tensor([int(label) - 1 for label in table("image_class_labels.txt")])
    train = torch.tensor([part == "1" for part in table("train_test_split.txt")])
    return images[train], labels[train], images[~train], labels[~train]


def show(title, columns, table):
    print(f"\n{title}\n{'':14}" + "".join(f"{name:>15}" for name in columns))
    for name, values in table.items():
        print(f"{name:14}" + "".join(f"{value:15.4f}" for value in values))
    return {title: {name: dict(zip(columns, map(float, table[name]))) for name in table}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    for name in "--data", "--weights":
        parser.add_argument(name, required=True)
    for name, value in [("image-size", 112), ("prompts", 10), ("batch", 32), ("epochs", 6),
                        ("lr", 3e-3), ("seed", 0), ("train-images", 10**6), ("batches", 4)]:
        parser.add_argument("--" + name, type=type(value), default=value)
    o = parser.parse_args()
    vit, w = load_backbone(o.weights, o.image_size)
    images, labels, test, answers = load_images(o.data, o.image_size)
    method = ref.Method(prompts=o.prompts)
    forward = lambda trained, x: ref.forward(w | trained, x, vit, method)
    order = torch.randperm(len(labels), generator=torch.manual_seed(o.seed))[:o.train_images]

    def gradient(trained, at):
        loss = F.cross_entropy(forward(trained, images[at]), labels[at])
        for value, g in zip(trained.values(), torch.autograd.grad(loss, list(trained.values()))):
            value.grad = g
        return loss.item(), [torch.cat([v.grad.double().flatten() for name, v in trained.items()
                                        if name.startswith(group)]) for group in GROUPS]

    def train(epochs):
        torch.manual_seed(o.seed)
        bounds = (6 / (3 * vit.patch**2 + vit.dim))**0.5, vit.dim**-0.5, 0  # models/prompt.cpp's
        trained = {name: torch.empty(shape).uniform_(-bound, bound).requires_grad_() for name, shape
                   in ref.method_shapes(method, vit, int(answers.max()) + 1).items()
                   for group, bound in zip(GROUPS, bounds) if name.startswith(group)}
        optimizer = torch.optim.AdamW(trained.values(), lr=o.lr, weight_decay=0.05)
        losses = [0] * epochs
        for epoch in range(epochs):
            for at in order[torch.randperm(len(order))].split(o.batch):
                losses[epoch] += gradient(trained, at)[0] * len(at) / len(order)
                optimizer.step()
        return trained, losses

    logits = torch.no_grad()(lambda trained: torch.cat([forward(trained, x)
                                                        for x in test.split(o.batch)]))
    compare = lambda a, b: [(a - b).norm() / b.norm(), F.cosine_similarity(a, b, 0)]
    points, gradients = {"start": train(0)[0]}, {"start": {}, "end": {}}
    runs, errors, seen, want = {}, {}, {}, {}
    torch.nn.init.normal_(points["start"]["head.weight"], std=0.01)  # 0 lets no gradient through
    for variant in VARIANTS:
        Products(w, variant)
        trained, losses = train(o.epochs)
        points.setdefault("end", trained)  # none's
        hits = (logits(trained).argmax(-1) == answers).float()
        runs[variant] = [*losses, hits.mean(), hits.std() / len(hits)**0.5]
        z = logits(points["end"])
        z0 = want.setdefault("logits", z)
        changed = (z.argmax(-1) != z0.argmax(-1)).float().mean()
        errors[variant] = [*compare(z.flatten(), z0.flatten()), changed]
        for point, values in points.items():
            got = [gradient(values, at)[1] for at in order.split(o.batch)[:o.batches]]
            g0 = want.get(point) or got[1:] + got[:1]  # another batch, as a yardstick
            want.setdefault(point, got)
            each = [[v for pair in zip(*pairs) for v in compare(*pair)] for pairs in zip(got, g0)]
            gradients[point][variant] = torch.tensor(each).mean(0)
    Products(w, "none", lambda name, x: look(seen, name, x))
    gradient(points["end"], order[:o.batch])

    out = show("training: loss by epoch", [*range(1, o.epochs + 1), "test top-1", "s.e."], runs)
    out |= show("logits at the end of none's run", ["error", "cosine", "argmax changed"], errors)
    columns = [f"{group} {what}" for group in GROUPS for what in ("error", "cosine")]
    for point, table in gradients.items():
        out |= show(f"gradients at the {point}; none: between batches", columns, table)
    columns = "peak rows,peak tensor,error rows,zeroed rows,error tensor,zeroed tensor".split(",")
    print(json.dumps(out | show("operands at the end, worst of blocks", columns, seen)))


if __name__ == "__main__":
    main()
