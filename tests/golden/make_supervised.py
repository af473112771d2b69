#!/usr/bin/env python3
"""Adds to tests/golden/weights/ supervised ViTs of the tiny size of make_weights.py: DeiT's file,
DeiT III (layer scale, no position for the class token), what MAE's code fine-tuned, and timm's that
pool the mean of patches, with what timm makes of one image.

    python3 tests/golden/make_supervised.py   (torch, timm, safetensors)
"""
import collections
import os

import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")


def path(name):
    return os.path.join(OUT, name)


def features(d, image, **options):
    model = VisionTransformer(img_size=6, patch_size=2, embed_dim=4, depth=2, num_heads=2, num_classes=5, **options)
    model.load_state_dict(d)
    with torch.no_grad():
        return model.eval().forward_head(model.forward_features(image), pre_logits=True)


if __name__ == "__main__":
    torch.manual_seed(7)
    tiny = load_file(path("timm.safetensors"))
    image = torch.randn(2, 3, 6, 6)
    expected = {"image": image, "token": features(tiny, image),
                "mean_of_norm": features(tiny, image, global_pool="avg", fc_norm=False)}
    torch.save({"model": collections.OrderedDict(tiny)}, path("deit.pth"))

    fc = collections.OrderedDict((k.replace("norm.", "fc_norm.") if k.startswith("norm.") else k, v) for k, v in tiny.items())
    expected["norm_of_mean"] = features(fc, image, global_pool="avg")
    torch.save({"model": fc, "epoch": 99}, path("mae_finetuned.pth"))
    save_file(fc, path("timm_avg.safetensors"), metadata={"format": "pt"})

    third = collections.OrderedDict(tiny, pos_embed=tiny["pos_embed"][:, 1:].clone())
    for block in range(2):
        for i in (1, 2):
            third[f"blocks.{block}.ls{i}.gamma"] = torch.rand(4) + 0.1
    expected["deit3"] = features(third, image, no_embed_class=True, init_values=0.1)
    named = collections.OrderedDict((k.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"), v)
                                    for k, v in third.items())
    torch.save({"model": named}, path("deit3.pth"))
    save_file({k: v.contiguous() for k, v in expected.items()}, path("supervised_expected.safetensors"))
