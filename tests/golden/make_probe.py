"""Writes probe.safetensors beside this file: python3 tests/golden/make_probe.py

What a look inside models of the other fixtures must show (models/probe.h). Needs torch, timm,
safetensors (PyPI). Values are those of backbone.safetensors and methods.safetensors; in double
precision, stored as f32.

  CASE.attention.L  what the class row of block L looks at, (B, heads, 1 + P + patches)
  CASE.entering.L   prompt rows that enter block L, (B, P, D)
  CASE.gates.L      sigmoid (i, f, o) and tanh (g) in the LSTM's step after block L, (B P, 4h)
"""

from dataclasses import replace
from pathlib import Path

import timm.models.vision_transformer as timm_vit
import torch
from safetensors.torch import load_file, save_file

import reference as ref
from make_fixtures import CLASSES, cases

FOLDER = Path(__file__).parent
CASES = ["linear", "linear.avg", "vpt-shallow.depth3", "vpt-deep.depth3", "vpt-deep.avg", "gapt.clamped", "gspc.depth3",
         "lspt.depth3", "lspt.avg", "lspt.narrow-own-cells", "lspt.first", "lspt.mean-in-ln-cls"]


def look(weights, images, vit, method, pool):
    """ref.forward with its parts listened to."""
    seen, attention, cell, step = {}, ref.attention, torch.lstm_cell, ref.next_prompts

    def heard_attention(q, k, v, heads, temperature=1.0):
        split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
        scores = split(q) @ split(k).transpose(-1, -2) * (q.shape[-1] // heads) ** -0.5 / temperature
        seen[f"attention.{len([s for s in seen if s.startswith('attention')])}"] = scores.softmax(-1)[:, :, 0]
        return attention(q, k, v, heads, temperature)

    def heard_cell(rows, state, w_ih, w_hh, b_ih, b_hh):
        a = rows @ w_ih.T + b_ih + state[0] @ w_hh.T + b_hh
        i, f, g, o = a.chunk(4, -1)
        seen[f"gates.{len([s for s in seen if s.startswith('gates')])}"] = torch.cat([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], -1)
        h, c = cell(rows, state, w_ih, w_hh, b_ih, b_hh)
        assert torch.allclose(c, f.sigmoid() * state[1] + i.sigmoid() * g.tanh())
        return h, c

    def heard_step(method, vit, w, l, *rest):
        out = step(method, vit, w, l, *rest)
        seen[f"entering.{l + 1}"] = out
        return out

    ref.attention, torch.lstm_cell, ref.next_prompts = heard_attention, heard_cell, heard_step
    try:
        ref.forward(weights, images, vit, method, pool)
    finally:
        ref.attention, torch.lstm_cell, ref.next_prompts = attention, cell, step
    if method.prompts:
        seen["entering.0"] = weights["prompt.0"].expand(images.shape[0], -1, -1)
    return seen


def check_against_timm(weights, images, vit, seen):
    """The attention of timm's own blocks, where it is not fused."""
    model = timm_vit.VisionTransformer(img_size=vit.image, patch_size=vit.patch, embed_dim=vit.dim, depth=vit.depth,
                                       num_heads=vit.heads, num_classes=CLASSES).double().eval()
    model.load_state_dict({k: v for k, v in weights.items() if k in model.state_dict()})
    theirs = []
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, inputs, output: theirs.append(output[:, :, 0]))
    with torch.no_grad():
        model(images)
    assert len(theirs) == vit.depth
    for l, p in enumerate(theirs):
        assert (p - seen[f"attention.{l}"]).abs().max() < 1e-12, "reference and timm differ"


def main():
    torch.set_num_threads(1)
    backbone = {k: v.double() for k, v in load_file(FOLDER / "backbone.safetensors").items()}
    methods = {k: v.double() for k, v in load_file(FOLDER / "methods.safetensors").items()}
    out = {}
    for case in CASES:
        method, depth, pool = cases()[case]
        vit = replace(ref.ViT(), depth=depth)
        weights, own = dict(backbone), ref.method_shapes(method, vit, CLASSES)
        for prefix in ("init.", f"{case}.init."):
            values = {k[len(prefix):]: v for k, v in methods.items() if k.startswith(prefix)}
            weights |= {k: v for k, v in values.items() if k in own}
        with torch.no_grad():
            seen = look(weights, backbone["images"], vit, method, pool)
        if case == "linear":
            check_against_timm(weights, backbone["images"], vit, seen)
        out |= {f"{case}.{k}": v for k, v in seen.items()}
    save_file({k: v.float().contiguous().clone() for k, v in out.items()}, FOLDER / "probe.safetensors")
    print(len(out), "tensors of", len(CASES), "models")


if __name__ == "__main__":
    main()
