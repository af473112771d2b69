"""What code bases do differently with the same weights: position embeddings on another grid, and the
mean of rows. Run from the repository's root with torch, timm, transformers and safetensors installed:

    python tests/golden/make_families.py [FILE]      writes tests/golden/families.safetensors

FILE is a pretrained ViT-S/14 in DINOv2's layout, for the rows that tests/test_backbone.cpp compares.
"""
import sys

import timm
import torch
import reference as ref
from safetensors.torch import load_file, save_file
from timm.models import vision_transformer as timm_vit
from timm.layers import resample_abs_pos_embed
from transformers import Dinov2Config, ViTMAEConfig
from transformers.models.dinov2.modeling_dinov2 import Dinov2Embeddings
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEEmbeddings

OUT = "tests/golden/families.safetensors"
WIDTH = 4


def hugging_face(table, grid):
    side = int((table.shape[1] - 1) ** 0.5)
    found = []
    for config, module in ((Dinov2Config, Dinov2Embeddings), (ViTMAEConfig, ViTMAEEmbeddings)):
        made = module(config(hidden_size=WIDTH, image_size=14 * side, patch_size=14, num_attention_heads=1))
        made.position_embeddings = torch.nn.Parameter(table)
        found.append(made.interpolate_pos_encoding(torch.zeros(1, 1 + grid * grid, WIDTH), 14 * grid, 14 * grid))
    assert torch.equal(*found)
    return found[0].detach()


def dino(table, grid, width=WIDTH):
    """What DINO and DINOv2 ask of torch: a scale factor of (grid + 0.1) / side, no size."""
    side = int((table.shape[1] - 1) ** 0.5)
    scale = float((grid + 0.1) / side)
    image = table[:, 1:].reshape(1, side, side, width).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(image, scale_factor=(scale, scale), mode="bicubic")
    assert resized.shape[-1] == grid
    return torch.cat([table[:, :1], resized.permute(0, 2, 3, 1).reshape(1, grid * grid, width)], 1)


def mean_of_normalized_rows():
    """timm's logits with global_pool 'avg' and fc_norm False, on the fixtures' three blocks."""
    stored, vit = load_file("tests/golden/backbone.safetensors"), ref.ViT()
    methods = load_file("tests/golden/methods.safetensors")
    stored |= {k[5:]: v for k, v in methods.items() if k.startswith("init.head.")}
    depth = 1 + max(int(k.split(".")[1]) for k in stored if k.startswith("blocks."))
    model = timm_vit.VisionTransformer(
        img_size=vit.image, patch_size=vit.patch, embed_dim=vit.dim, depth=depth, num_heads=vit.heads,
        num_classes=stored["head.bias"].numel(), global_pool="avg", fc_norm=False).double().eval()
    model.load_state_dict({k: stored[k].double() for k in model.state_dict()})
    with torch.no_grad():
        return model(stored["images"].double()).float()


def pattern(side):
    """Two images (2, 3, side, side) that C++ can draw to the bit: whole numbers over 64."""
    b, c, y, x = torch.meshgrid(*(torch.arange(n) for n in (2, 3, side, side)), indexing="ij")
    return ((7 * x * (b + 1) + 5 * y * (c + 1) + x * y) % 257 - 128).float() / 64


def rows_of(path):
    """Class row and mean of normalized patch rows, by image size and position interpolation."""
    stored, out = {k: v.float() for k, v in load_file(path).items()}, {}
    for size in (112, 224):
        grid = size // 14
        for how, resize in (("antialiased", lambda t, g: resample_abs_pos_embed(t, (g, g))),
                            ("offset", lambda t, g: dino(t, g, t.shape[-1]))):
            model = timm.create_model("vit_small_patch14_dinov2", img_size=size, num_classes=0).eval()
            model.load_state_dict(stored | {"pos_embed": resize(stored["pos_embed"], grid)})
            with torch.no_grad():
                rows = model.forward_features(pattern(size))
            out[f"backbone.{size}.{how}.class"], out[f"backbone.{size}.{how}.mean"] = rows[:, 0], rows[:, 1:].mean(1)
    return out


torch.manual_seed(0)
out = {}
for side in (3, 14, 37):
    table = torch.randn(1, 1 + side * side, WIDTH)
    out[f"{side}"] = table
    for grid in (2, 5, 8, 16):
        out[f"{side}.{grid}.antialiased"] = resample_abs_pos_embed(table, (grid, grid))
        out[f"{side}.{grid}.bicubic"] = hugging_face(table, grid)
        out[f"{side}.{grid}.offset"] = dino(table, grid)
out["timm.mean_of_normalized.logits"] = mean_of_normalized_rows()
out |= rows_of(sys.argv[1]) if len(sys.argv) > 1 else {}
save_file({k: v.contiguous() for k, v in out.items()}, OUT)
