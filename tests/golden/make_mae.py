"""Writes mae.safetensors: python3 tests/golden/make_mae.py

Loss, prediction and every gradient of a small masked autoencoder as its authors define it
(facebookresearch/mae, models_mae.py), computed by PyTorch in double precision. The encoder starts from
the ViT and reads the images of backbone.safetensors, with MAE's fixed positions.

  order                 of the patches of each image; the first four are visible
  init.NAME             the decoder's parameters
  positions             of the encoder, as MAE's get_2d_sincos_pos_embed has them
  prediction, CASE.loss, CASE.grad.NAME   CASE: norm_pix, or pixels without normalization (loss alone)

Needs torch, numpy, safetensors (PyPI).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import reference as ref

FOLDER = Path(__file__).parent
VISIBLE = 4
DECODER = dict(dim=24, depth=2, heads=3)
random = torch.Generator().manual_seed(20220620)


def draw(*shape, scale=1.0, offset=0.0):
    return (offset + scale * torch.randn(shape, generator=random)).float().double()


def sincos(dim, grid):
    """Rows [class = 0, patches]: the first half of the channels says the column, the second the row."""
    def axis(position):
        omega = 1.0 / 10000 ** (np.arange(dim // 4, dtype=np.float64) / (dim / 4.0))
        out = np.outer(position, omega)
        return np.concatenate([np.sin(out), np.cos(out)], axis=1)

    columns, rows = np.meshgrid(np.arange(grid), np.arange(grid))
    table = np.concatenate([axis(columns.reshape(-1)), axis(rows.reshape(-1))], axis=1)
    return torch.from_numpy(np.concatenate([np.zeros((1, dim)), table]))[None]


def patchify(images, p):
    """(B, 3, S, S) -> (B, N, p p 3), values of a patch in the order (y, x, channel)."""
    b, c, height, width = images.shape
    x = images.reshape(b, c, height // p, p, width // p, p)
    return torch.einsum("nchpwq->nhwpqc", x).reshape(b, -1, p * p * c)


def rows(x, index):
    return torch.gather(x, 1, index[..., None].expand(-1, -1, x.shape[-1]))


def predict(w, images, order, vit):
    """What MAE's decoder draws of all patches, (B, N, p p 3)."""
    x = ref.patch_embed(images, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"])
    x = rows(x + w["pos_embed"][:, 1:], order[:, :VISIBLE])
    x = torch.cat([(w["cls_token"] + w["pos_embed"][:, :1]).expand(len(x), -1, -1), x], 1)
    for l in range(vit.depth):
        x = ref.block(w, l, x, vit)
    x = ref.norm(x, w, "norm", vit.eps)

    x = F.linear(x, w["decoder_embed.weight"], w["decoder_embed.bias"])
    masked = w["mask_token"].expand(len(x), order.shape[1] - VISIBLE, -1)
    restored = rows(torch.cat([x[:, 1:], masked], 1), order.argsort(1))
    x = torch.cat([x[:, :1], restored], 1) + w["decoder_pos_embed"]
    decoder = ref.ViT(dim=DECODER["dim"], heads=DECODER["heads"])
    blocks = {k.removeprefix("decoder_"): v for k, v in w.items() if k.startswith("decoder_blocks")}
    for l in range(DECODER["depth"]):
        x = ref.block(blocks, l, x, decoder)
    x = ref.norm(x, w, "decoder_norm", vit.eps)
    return F.linear(x, w["decoder_pred.weight"], w["decoder_pred.bias"])[:, 1:]


def loss_of(prediction, images, order, vit, norm_pix):
    target = patchify(images, vit.patch)
    if norm_pix:
        target = (target - target.mean(-1, keepdim=True)) / (
            target.var(-1, keepdim=True) + 1e-6) ** 0.5
    mask = torch.ones(order.shape, dtype=torch.double).scatter(1, order[:, :VISIBLE], 0.0)
    return (((prediction - target) ** 2).mean(-1) * mask).sum() / mask.sum()


def decoder_shapes(vit):
    d, hidden = DECODER["dim"], 4 * DECODER["dim"]
    shapes = {"mask_token": (1, 1, d), "decoder_embed.weight": (d, vit.dim), "decoder_embed.bias": (d,)}
    for l in range(DECODER["depth"]):
        for name, weight in [("norm1", (d,)), ("attn.qkv", (3 * d, d)), ("attn.proj", (d, d)),
                             ("norm2", (d,)), ("mlp.fc1", (hidden, d)), ("mlp.fc2", (d, hidden))]:
            shapes[f"decoder_blocks.{l}.{name}.weight"] = weight
            shapes[f"decoder_blocks.{l}.{name}.bias"] = weight[:1]
    pixels = 3 * vit.patch**2
    return shapes | {"decoder_norm.weight": (d,), "decoder_norm.bias": (d,),
                     "decoder_pred.weight": (pixels, d), "decoder_pred.bias": (pixels,)}


def main():
    torch.set_num_threads(1)
    vit = ref.ViT()
    backbone = {k: v.double() for k, v in load_file(FOLDER / "backbone.safetensors").items()}
    images = backbone["images"]
    trained = {k: backbone[k] for k in ref.backbone_shapes(vit) if k != "pos_embed"}
    init = {}
    for name, shape in decoder_shapes(vit).items():
        norm = "norm" in name and name.endswith("weight")
        scale = 0.1 if norm or name.endswith("bias") else shape[-1] ** -0.5
        init[name] = draw(*shape, scale=scale, offset=float(norm))
    leaves = {k: v.clone().requires_grad_() for k, v in (trained | init).items()}
    grid = vit.image // vit.patch
    fixed = {"pos_embed": sincos(vit.dim, grid), "decoder_pos_embed": sincos(DECODER["dim"], grid)}
    order = torch.rand((len(images), vit.patches), generator=random).argsort(1)
    prediction = predict(leaves | fixed, images, order, vit)
    out = {"order": order, "positions": fixed["pos_embed"],
           "prediction": rows(prediction, order[:, VISIBLE:]),
           "pixels.loss": loss_of(prediction, images, order, vit, False)[None]}
    loss = loss_of(prediction, images, order, vit, True)
    loss.backward()
    out |= {"norm_pix.loss": loss[None]} | {f"init.{k}": v for k, v in init.items()}
    out |= {f"norm_pix.grad.{k}": v.grad for k, v in leaves.items()}
    out = {k: v.detach().float().contiguous().clone() for k, v in out.items()}
    save_file(out, FOLDER / "mae.safetensors")
    print("loss", loss.item(), "without normalization", out["pixels.loss"].item())


if __name__ == "__main__":
    main()
