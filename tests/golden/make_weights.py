#!/usr/bin/env python3
"""Writes tests/golden/weights/: one tiny ViT in the container and the names of every family, a file
of PyTorch's storage traps, and the values expected from them.

    python3 tests/golden/make_weights.py     (torch, safetensors; written with torch 2.15)
"""
import argparse
import collections
import math
import os

import torch
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")
WIDTH, DEPTH, PATCH, GRID = 4, 2, 2, 3


def normal(*shape):
    return torch.randn(*shape) * 0.02


def backbone():
    d = {"cls_token": normal(1, 1, WIDTH), "pos_embed": normal(1, 1 + GRID * GRID, WIDTH),
         "patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH), "patch_embed.proj.bias": normal(WIDTH)}
    for i in range(DEPTH):
        for name, rows, cols in (("attn.qkv", 3 * WIDTH, WIDTH), ("attn.proj", WIDTH, WIDTH),
                                 ("mlp.fc1", 4 * WIDTH, WIDTH), ("mlp.fc2", WIDTH, 4 * WIDTH)):
            d[f"blocks.{i}.{name}.weight"] = normal(rows, cols)
            d[f"blocks.{i}.{name}.bias"] = normal(rows)
        for name in ("norm1", "norm2"):
            d[f"blocks.{i}.{name}.weight"] = normal(WIDTH) + 1
            d[f"blocks.{i}.{name}.bias"] = normal(WIDTH)
    d["norm.weight"], d["norm.bias"] = normal(WIDTH) + 1, normal(WIDTH)
    return d


def table(column_first):
    """Fixed sine-cosine positions: MAE puts the column's channels first, MoCo v3 the row's."""
    rows = [[0.0] * WIDTH]
    quarter = WIDTH // 4
    for r in range(GRID):
        for c in range(GRID):
            row = []
            for x in (c, r) if column_first else (r, c):
                angles = [x * 10000 ** (-k / quarter) for k in range(quarter)]
                row += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            rows.append(row)
    return torch.tensor(rows).unsqueeze(0)


def prefixed(prefix, d):
    return collections.OrderedDict((prefix + k, v) for k, v in d.items())


def hf(d):
    """Hugging Face names, with qkv in three parts."""
    out = {}
    for name, t in d.items():
        name = name.replace("cls_token", "embeddings.cls_token").replace("pos_embed", "embeddings.position_embeddings")
        name = name.replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
        name = name.replace("blocks.", "encoder.layer.").replace("norm1", "layernorm_before")
        name = name.replace("norm2", "layernorm_after").replace("attn.proj", "attention.output.dense")
        name = name.replace("mlp.fc1", "intermediate.dense").replace("mlp.fc2", "output.dense")
        if name.startswith("norm."):
            name = "layernorm." + name[5:]
        if "attn.qkv" in name:
            for part, value in zip(("query", "key", "value"), t.chunk(3)):
                out["vit." + name.replace("attn.qkv", "attention.attention." + part)] = value.clone()
        else:
            out["vit." + name] = t
    return out


def save(value, name):
    torch.save(value, os.path.join(OUT, name))


def families():
    base = backbone()
    mae = dict(base, pos_embed=table(True))
    moco = dict(base, pos_embed=table(False))
    head = {"head.weight": normal(5, WIDTH), "head.bias": normal(5)}
    decoder = {"mask_token": normal(1, 1, WIDTH), "decoder_embed.weight": normal(2, WIDTH),
               "decoder_pos_embed": normal(1, 10, 2), "decoder_blocks.0.norm1.weight": normal(2)}
    args = argparse.Namespace(lr=1.5e-4, model="mae_vit_tiny", output_dir=None, big=2 ** 80)

    save_file({**base, **head}, os.path.join(OUT, "timm.safetensors"), metadata={"format": "pt"})
    save(collections.OrderedDict({**base, **head}), "timm.pth")
    save({"model": collections.OrderedDict(mae)}, "mae_pretrain.pth")
    save({"model": collections.OrderedDict({**mae, **decoder}), "args": args, "epoch": 3,
          "optimizer": {"state": {0: {"step": 1, "exp_avg": normal(2)}}, "param_groups": [{"lr": 0.1}]}},
         "mae_visualize.pth")
    save({"epoch": 90, "arch": "vit_base", "best_acc1": torch.tensor(76.7),
          "state_dict": prefixed("module.", {**moco, **head})}, "moco_linear.pth.tar")
    mlp = {"head.0.weight": normal(3, WIDTH), "head.1.running_mean": normal(3),
           "head.1.num_batches_tracked": torch.tensor(7)}
    momentum = {k: v + 1 for k, v in moco.items()}
    save({"epoch": 300, "arch": "vit_base",
          "state_dict": {**prefixed("module.base_encoder.", {**moco, **mlp}),
                         **prefixed("module.momentum_encoder.", momentum),
                         "module.predictor.0.weight": normal(2, 2)}}, "moco_pretrain.pth.tar")
    save(collections.OrderedDict(base), "dino.pth")
    student = {k: v + 1 for k, v in base.items()}
    projection = {"head.mlp.0.weight": normal(3, WIDTH), "head.last_layer.weight_g": normal(3, 1)}
    save({"student": {**prefixed("module.backbone.", student), **prefixed("module.", projection)},
          "teacher": {**prefixed("backbone.", base), **projection}, "epoch": 100, "args": args}, "dino_full.pth")
    classifier = {"classifier.weight": normal(5, WIDTH), "classifier.bias": normal(5)}
    save_file({**hf(base), **classifier}, os.path.join(OUT, "hf_vit.safetensors"))
    save({**hf(mae), "decoder.mask_token": normal(1, 1, 2), "decoder.decoder_embed.weight": normal(2, WIDTH)},
         "hf_vit_mae.bin")
    save(collections.OrderedDict((k, v.bfloat16() if i % 2 else v.half()) for i, (k, v) in enumerate(base.items())),
         "timm_half.pth")

    image = base["pos_embed"][:, 1:].reshape(1, GRID, GRID, WIDTH).permute(0, 3, 1, 2)
    for grid in (2, 5, 14):
        resized = torch.nn.functional.interpolate(image, size=(grid, grid), mode="bicubic", antialias=True)
        rows = resized.permute(0, 2, 3, 1).reshape(1, grid * grid, WIDTH)
        base[f"resampled.{grid}"] = torch.cat([base["pos_embed"][:, :1], rows], 1)
    base["mae.pos_embed"], base["moco_v3.pos_embed"] = mae["pos_embed"], moco["pos_embed"]
    save_file({k: v.contiguous() for k, v in base.items()}, os.path.join(OUT, "expected.safetensors"))


def traps():
    """What a loader that trusts storages to be tensors gets wrong."""
    big = torch.arange(24, dtype=torch.float32)
    d = collections.OrderedDict()
    d["shared_a"], d["shared_b"] = big[:12].view(3, 4), big.view(4, 6)
    d["transposed"] = big.view(4, 6).t()
    d["permuted"] = big.view(2, 3, 4).permute(2, 0, 1)
    d["column"] = big.view(4, 6)[:, 2]
    d["slice"] = big[8:11]
    d["scalar"] = torch.tensor(3.5)
    d["scalar_in_storage"] = big[7]
    d["empty"] = torch.zeros(0, 3)
    d["parameter"] = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        d[str(dtype)[6:]] = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 1e-5, 1 / 3], dtype=dtype)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8):
        d[str(dtype)[6:]] = torch.tensor([-128, -1, 0, 127], dtype=dtype)
    d["uint8"], d["bool"] = torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([True, False])
    save({"state_dict": d, "args": argparse.Namespace(a=1), "count": 2}, "traps.pth")
    torch.save(d, os.path.join(OUT, "traps_protocol4.pth"), pickle_protocol=4)
    save_file({k: v.detach().float().contiguous().clone() for k, v in d.items()},
              os.path.join(OUT, "traps_expected.safetensors"))


if __name__ == "__main__":
    torch.manual_seed(0)
    os.makedirs(OUT, exist_ok=True)
    families()
    traps()
