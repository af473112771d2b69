"""Writes the golden fixtures beside this file: python3 tests/golden/make_fixtures.py

Needs torch, timm, peft, safetensors, numpy (PyPI). Where timm or peft has a method (linear, full,
partial, bias, LoRA of what is not fused) their logits and gradients must be the reference's. Everything is computed in double precision from values
that are exact in f32, and stored as f32; the same versions write the same bytes.

  backbone.safetensors  a ViT of 3 blocks (models of depth 2 use the first two), images, and timm's own
                        logits; labels are 3, 0, 2
  methods.safetensors   init.name: parameters that all cases start from;
                        case.init.name: those of a case that have a shape or value of their own;
                        case.logits, case.loss, case.grad.name, and case.sgd / case.adamw: the losses
                        before each of 10 steps
"""

from dataclasses import replace
from pathlib import Path

import timm.models.vision_transformer as timm_vit
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

import reference as ref

FOLDER = Path(__file__).parent
CLASSES, BATCH = 5, 3
random = torch.Generator().manual_seed(20240217)


def draw(*shape, scale=1.0, offset=0.0):
    """Normal numbers that f32 holds exactly, as doubles."""
    return (offset + scale * torch.randn(shape, generator=random)).float().double()


def save(name, tensors):
    tensors = {k: v.detach().float().contiguous().clone() for k, v in tensors.items()}
    assert all(v.isfinite().all() for v in tensors.values())
    save_file(tensors, FOLDER / f"{name}.safetensors")


# Backbone ---------------------------------------------------------------------------------------


def make_backbone():
    vit = replace(ref.ViT(), depth=3)
    weights = {}
    for name, shape in ref.backbone_shapes(vit).items():
        if "norm" in name and name.endswith("weight"):
            weights[name] = draw(*shape, scale=0.1, offset=1)
        elif name.endswith("bias"):
            weights[name] = draw(*shape, scale=0.1)
        elif name in ("cls_token", "pos_embed"):
            weights[name] = draw(*shape, scale=0.5)
        else:
            weights[name] = draw(*shape, scale=torch.Size(shape[1:]).numel() ** -0.5)
    images = draw(BATCH, 3, vit.image, vit.image)
    head = {"head.weight": draw(CLASSES, vit.dim, scale=0.3), "head.bias": draw(CLASSES)}
    return vit, weights, images, head


def timm_model(vit, pool):
    return timm_vit.VisionTransformer(
        img_size=vit.image, patch_size=vit.patch, embed_dim=vit.dim, depth=vit.depth,
        num_heads=vit.heads, num_classes=CLASSES, global_pool=pool).double().eval()


def timm_logits(vit, weights, head, images, pool):
    """timm's ViT; for 'avg' its norm after the mean, as in MAE's fine-tuning code."""
    model = timm_model(vit, pool)
    rename = (lambda k: k.replace("norm.", "fc_norm.") if k.startswith("norm.") else k)
    state = weights | head
    model.load_state_dict({rename(k): v for k, v in state.items()} if pool == "avg" else state)
    with torch.no_grad():
        logits = model(images)
        ours = ref.forward(state, images, vit, ref.METHODS["linear"], pool)
        single = ref.forward({k: v.float() for k, v in state.items()}, images.float(), vit,
                             ref.METHODS["linear"], pool)
        theirs = model.float()(images.float())
    assert (logits - ours).abs().max() < 1e-12, "reference and timm differ"
    assert (single - theirs).abs().max() < 1e-5, "reference and timm differ in f32"
    return logits


# Methods ----------------------------------------------------------------------------------------


def cases():
    """name -> (method, depth, pool). tests/test_golden.cpp has the same table."""
    m, table = ref.METHODS, {}
    later = ("mlp", "partial", "bias", "adapter", "lora")
    for name, method in m.items():
        if name not in later:
            table[name] = (method, 2, "token")
    for name in ("linear", "full", "vpt-shallow", "vpt-deep", "gapt", "gspc", "lpc", "lspt"):
        table[f"{name}.avg"] = (m[name], 2, "avg")
    for name in ("vpt-shallow", "vpt-deep", "gapt", "gspc", "lpc", "lspt"):
        table[f"{name}.depth3"] = (m[name], 3, "token")

    def lspt(name, pool="token", **switches):
        table[f"lspt.{name}"] = (replace(m["lspt"], **switches), 3, pool)

    lspt("first", new_prompts="first")
    lspt("out", carry="out", gspc=False)
    lspt("first-out-gspc", new_prompts="first", carry="out")
    lspt("gate", carry="gate", gspc=False)
    lspt("attn-temp", attn_temp=True)
    lspt("own-cells", lstm_share=False)
    lspt("narrow", lstm_hidden=8)
    lspt("narrow-own-cells", lstm_hidden=8, lstm_share=False, pool="avg")
    lspt("residual", lstm_residual=True)
    lspt("narrow-residual", lstm_hidden=8, lstm_residual=True)
    lspt("mean-in", mean_in=True)
    lspt("mean-ln", mean_ln=True)
    lspt("mean-cls", mean_cls=True)
    lspt("mean-in-ln-cls", mean_in=True, mean_ln=True, mean_cls=True, pool="avg")
    lspt("mean-detach", mean_detach=True)
    lspt("lpc-first", lpc_first=True)
    lspt("lpc-first-residual", lpc_first=True, lstm_residual=True)
    lspt("lr-mult")  # the LSTM's learning rate is a tenth of the others'
    table["gapt.clamped"] = (m["gapt"], 3, "token")  # one temperature is above the clamp
    for name in ("vpt-shallow", "vpt-deep", "lspt"):
        table[f"{name}.patches"] = (m[name], 2, "patches")
    for name in later:
        table |= {name: (m[name], 2, "token"), f"{name}.avg": (m[name], 2, "avg"),
                  f"{name}.depth3": (m[name], 3, "token")}
    every = ("q", "k", "v", "proj", "fc1", "fc2")
    every = replace(m["lora"], lora_rank=3, lora_alpha=3.0, lora_targets=every)
    table |= {"lora.every": (every, 2, "token"), "lora.every.avg": (every, 2, "avg")}
    both = replace(m["adapter"], adapter_dim=8, adapter_scale=0.5, adapter_at=("attn", "mlp"))
    table["adapter.both"] = (both, 2, "token")
    table["partial.two"] = (replace(m["partial"], last_blocks=2), 3, "token")
    for name in ("vpt-deep", "lspt"):
        table[f"{name}.rank"] = (replace(m[name], rank=3), 3, "token")
    for name, switches in {"gspc.mixtures": {}, "lspt.mixtures": {}, "lspt.mixtures-first": {
            "lpc_first": True, "mean_in": True}}.items():
        table[name] = (replace(m[name.split(".")[0]], mixtures=True, **switches), 3, "token")
    table["mlp.narrow"] = (replace(m["mlp"], head_layers=2, head_hidden=12), 2, "token")
    table["adapter.sequential"] = (replace(both, adapter_sequential=True), 3, "token")
    table["adapter.pfeiffer"] = (replace(m["adapter"], adapter_dim=8, adapter_scale=1.0,
                                         adapter_sequential=True, adapter_gelu=True), 2, "avg")
    for pool in ("token", "avg"):
        table[f"vpt-deep.key-value.{pool}"] = (replace(m["vpt-deep"], key_value=True), 3, pool)
    table["vpt-deep.key-value.rank"] = (replace(m["vpt-deep"], key_value=True, rank=3), 2, "token")
    rest = replace(m["lora"], lora_rank=3, lora_targets=("proj", "fc1", "fc2"))
    table["lora.peft"] = (rest, 2, "token")
    return table


def peft_model(method, model):
    """LoRA by peft, and its names for ours. Its update of timm's qkv is one, ours are three."""
    config = LoraConfig(r=method.lora_rank, lora_alpha=method.lora_alpha,
                        target_modules=[PEFT[name] for name in method.lora_targets])
    def rename(name):
        _, block, target, half = name.split(".")
        half = {"down": "lora_A", "up": "lora_B"}[half]
        return f"blocks.{block}.{PEFT[target]}.{half}.default.weight"
    return get_peft_model(model, config).base_model.model, rename


PEFT = {"proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}


def others(method, vit, values, trained, images, labels):
    """Logits and gradients by timm and peft, where they have the method."""
    model = timm_model(vit, "token")
    names = {k: k for k in values}
    if method.lora_rank:
        model, rename = peft_model(method, model.float())
        names = {k: rename(k) if k.startswith("lora") else
                 k.replace(".weight", ".base_layer.weight").replace(".bias", ".base_layer.bias")
                 if any(part in k for part in PEFT.values()) else k for k in values}
    model = model.double().eval()
    model.load_state_dict({names[k]: v for k, v in values.items()})
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in {names[k] for k in trained})
    logits = model(images)
    F.cross_entropy(logits, labels).backward()
    parameters = dict(model.named_parameters())
    return logits, {k: parameters[names[k]].grad for k in trained}


def train(case, method, vit, pool, weights, trained, images, labels, optimizer):
    """The loss before each of 10 steps."""
    leaves = {k: v.clone().requires_grad_() for k, v in trained.items()}
    slow = [v for k, v in leaves.items() if case == "lspt.lr-mult" and "lstm" in k]
    fast = [v for v in leaves.values() if not any(v is s for s in slow)]
    if optimizer == "sgd":
        groups = [{"params": fast}] + ([{"params": slow, "lr": 0.005}] if slow else [])
        steps = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    else:  # matrices decay, vectors do not
        steps = torch.optim.AdamW(
            [{"params": [v for v in fast if v.ndim > 1], "weight_decay": 0.05},
             {"params": [v for v in fast if v.ndim == 1], "weight_decay": 0.0}], lr=0.01)
    losses = []
    for _ in range(10):
        steps.zero_grad()
        logits = ref.forward(weights | leaves, images, vit, method, pool)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        steps.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def make_methods(deep, weights, images, head):
    labels = torch.tensor([3, 0, 2])
    init, out = dict(head), {}
    scales = {"prompt": 0.5, "lspt.up.weight": 0.3, "lspt.lstm": 0.3, "gate": 1.0,
              "lspt.up.bias": 0.1, "lora": 0.3, "gspc": 0.3, "adapter": 0.3, "head": 0.3}
    for case, (method, depth, pool) in cases().items():
        vit = replace(deep, depth=depth)
        frozen = {k: v for k, v in weights.items() if k in ref.backbone_shapes(vit)}
        trained = {k: v for k, v in frozen.items() if method.trains(k, vit)}
        for name, shape in ref.method_shapes(method, vit, CLASSES).items():
            if name == "attn.temp":
                value = torch.tensor([0.75, 1.25, 16.0 if case == "gapt.clamped" else 0.875])
                value = value.double()[:depth]
            elif name in init and init[name].shape == shape:
                trained[name] = init[name]
                continue
            else:
                scale = next(s for key, s in scales.items() if name.startswith(key))
                value = draw(*shape, scale=scale)
                if name not in init:
                    init[name] = trained[name] = value
                    continue
            trained[name] = out[f"{case}.init.{name}"] = value

        leaves = {k: v.clone().requires_grad_() for k, v in trained.items()}
        logits = ref.forward(frozen | leaves, images, vit, method, pool)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        if pool == "token" and case.split(".")[0] in ("linear", "full", "partial", "bias") or (
                case == "lora.peft"):
            theirs = others(method, vit, frozen | trained, trained, images, labels)
            assert (logits - theirs[0]).abs().max() < 1e-12, f"{case}: others' logits differ"
            for k, v in leaves.items():
                assert (v.grad - theirs[1][k]).abs().max() < 1e-12, f"{case}: {k} differs"
        out |= {f"{case}.logits": logits, f"{case}.loss": loss[None]}
        out |= {f"{case}.grad.{k}": v.grad for k, v in leaves.items()}
        optimizers = ["sgd"] + ["adamw"] * (case in ("full", "lspt", "lspt.depth3"))
        for optimizer in optimizers:
            out[f"{case}.{optimizer}"] = train(case, method, vit, pool, frozen, trained, images,
                                               labels, optimizer)
            print(f"{case:26} {optimizer:6}", *(f"{x:.4f}" for x in out[f"{case}.{optimizer}"]))
    out |= {f"init.{k}": v for k, v in init.items()}
    save("methods", out)


def main():
    torch.set_num_threads(1)
    vit, weights, images, head = make_backbone()
    timm = {f"timm.{pool}.logits": timm_logits(vit, weights, head, images, pool)
            for pool in ("token", "avg")}
    save("backbone", weights | {"images": images} | timm)
    make_methods(vit, weights, images, head)


if __name__ == "__main__":
    main()
