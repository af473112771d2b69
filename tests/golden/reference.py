"""The ViT and every tuning method in plain PyTorch, written to be read and to be right, not fast.

Nothing is saved or fused here: prompt rows always travel in the sequence, every row leaves every
block. The engine's shortcuts must give the same numbers. Functional: weights are a dict of tensors
under the names that the engine uses. The switches are those of models/method.h.

LSPT's recurrence is *inferred* (its time axis is the block index), as in models/prompt.h.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class ViT:
    image: int = 32
    patch: int = 8
    dim: int = 32
    depth: int = 2
    heads: int = 4
    eps: float = 1e-6

    @property
    def patches(self):
        return (self.image // self.patch) ** 2


@dataclass(frozen=True)
class Method:
    prompts: int = 0
    trained: str = "nothing"  # of the backbone: nothing, bias, last, all
    last_blocks: int = 1
    head_layers: int = 1
    head_hidden: int = 0
    adapter_dim: int = 0
    adapter_scale: float = 0.1
    adapter_at: tuple = ("mlp",)
    adapter_sequential: bool = False
    adapter_gelu: bool = False
    lora_rank: int = 0
    lora_alpha: float = 8.0
    lora_targets: tuple = ("q", "v")
    rank: int = 0  # of prompts that are products
    key_value: bool = False
    new_prompts: str = "every"  # every, first
    carry: str = "lstm"  # lstm, out, gate, none
    gspc: bool = True
    mixtures: bool = False
    attn_temp: bool = False
    lstm_share: bool = True
    lstm_hidden: int = 0
    lstm_residual: bool = False
    mean_in: bool = False
    mean_ln: bool = False
    mean_cls: bool = False
    mean_detach: bool = False
    lpc_first: bool = False

    def trains(self, name, vit):
        """Whether a parameter of the backbone is trained."""
        if self.trained == "last":
            return name.startswith("norm.") or (
                name.startswith("blocks.")
                and int(name.split(".")[1]) >= vit.depth - self.last_blocks)
        return self.trained == "all" or self.trained == "bias" and name.endswith("bias")


P = 5
METHODS = {
    "linear": Method(carry="none", gspc=False),
    "full": Method(carry="none", gspc=False, trained="all"),
    "vpt-shallow": Method(P, new_prompts="first", carry="out", gspc=False),
    "vpt-deep": Method(P, carry="none", gspc=False),
    "gapt": Method(P, new_prompts="first", carry="gate", gspc=False, attn_temp=True),
    "gspc": Method(P, carry="out"),
    "lpc": Method(P, gspc=False),
    "lspt": Method(P),
    "mlp": Method(carry="none", gspc=False, head_layers=3),
    "partial": Method(carry="none", gspc=False, trained="last"),
    "bias": Method(carry="none", gspc=False, trained="bias"),
    "adapter": Method(carry="none", gspc=False, adapter_dim=64),
    "lora": Method(carry="none", gspc=False, lora_rank=8),
}


def backbone_shapes(vit):
    d, hidden = vit.dim, 4 * vit.dim
    shapes = {
        "cls_token": (1, 1, d),
        "pos_embed": (1, 1 + vit.patches, d),
        "patch_embed.proj.weight": (d, 3, vit.patch, vit.patch),
        "patch_embed.proj.bias": (d,),
    }
    for l in range(vit.depth):
        for name, weight in [("norm1", (d,)), ("attn.qkv", (3 * d, d)), ("attn.proj", (d, d)),
                             ("norm2", (d,)), ("mlp.fc1", (hidden, d)), ("mlp.fc2", (d, hidden))]:
            shapes[f"blocks.{l}.{name}.weight"] = weight
            shapes[f"blocks.{l}.{name}.bias"] = weight[:1]
    return shapes | {"norm.weight": (d,), "norm.bias": (d,)}


def method_shapes(method, vit, classes):
    """What the method adds to the backbone, and the head."""
    d, shapes = vit.dim, {}
    h = method.lstm_hidden or d
    if method.prompts:
        for l in range(vit.depth if method.new_prompts == "every" else 1):
            width = 2 * d if method.key_value else d
            if method.rank:
                shapes |= {f"prompt.{l}.a": (method.prompts, method.rank),
                           f"prompt.{l}.b": (width, method.rank)}
            else:
                shapes[f"prompt.{l}"] = (method.prompts, width)
        if method.carry == "lstm":
            for cell in [""] if method.lstm_share else [f"{l}." for l in range(vit.depth - 1)]:
                shapes |= {f"lspt.lstm.{cell}weight_ih": (4 * h, d),
                           f"lspt.lstm.{cell}weight_hh": (4 * h, h),
                           f"lspt.lstm.{cell}bias_ih": (4 * h,),
                           f"lspt.lstm.{cell}bias_hh": (4 * h,)}
            if h != d:
                shapes |= {"lspt.up.weight": (d, h), "lspt.up.bias": (d,)}
        for l in range(vit.depth - 1 if method.mixtures else 0):
            shapes[f"gspc.{l}.weight"] = (method.prompts, vit.patches)
        if method.carry == "gate":
            shapes["gate.logit"] = (vit.depth - 1,)
        if method.attn_temp:
            shapes["attn.temp"] = (vit.depth,)
    for l in range(vit.depth):
        for name in method.lora_targets if method.lora_rank else ():
            inputs, outputs = 4 * d if name == "fc2" else d, 4 * d if name == "fc1" else d
            shapes |= {f"lora.{l}.{name}.down": (method.lora_rank, inputs),
                       f"lora.{l}.{name}.up": (outputs, method.lora_rank)}
        for name in method.adapter_at if method.adapter_dim else ():
            n = method.adapter_dim
            shapes |= {f"adapter.{l}.{name}.down.weight": (n, d),
                       f"adapter.{l}.{name}.down.bias": (n,),
                       f"adapter.{l}.{name}.up.weight": (d, n),
                       f"adapter.{l}.{name}.up.bias": (d,)}
    width = d
    for i in range(method.head_layers - 1):
        n = method.head_hidden or d
        shapes |= {f"head.hidden.{i}.weight": (n, width), f"head.hidden.{i}.bias": (n,)}
        width = n
    return shapes | {"head.weight": (classes, width), "head.bias": (classes,)}


def patch_embed(images, weight, bias):
    """(B, 3, S, S) -> (B, patches, D)."""
    return F.conv2d(images, weight, bias, stride=weight.shape[-1]).flatten(2).transpose(1, 2)


def attention(q, k, v, heads, temperature=1.0):
    """q (B, M, D), k and v (B, N, D) -> (B, M, D)."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, heads, N, d)
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 / temperature
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def norm(x, w, name, eps):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)


def low_rank(method, w, l, name, x):
    """LoRA's update of a projection, arXiv:2106.09685."""
    if f"lora.{l}.{name}.down" not in w:
        return 0
    down, up = w[f"lora.{l}.{name}.down"], w[f"lora.{l}.{name}.up"]
    return method.lora_alpha / method.lora_rank * F.linear(F.linear(x, down), up)


def adapter(method, w, l, name, x, y):
    """The bottleneck beside a branch x -> y, arXiv:2205.13535, or behind it, arXiv:1902.00751."""
    part = f"adapter.{l}.{name}."
    if part + "down.weight" not in w:
        return 0
    low = F.linear(y if method.adapter_sequential else x, w[part + "down.weight"],
                   w[part + "down.bias"])
    low = F.gelu(low) if method.adapter_gelu else F.relu(low)
    return method.adapter_scale * F.linear(low, w[part + "up.weight"], w[part + "up.bias"])


def block(w, l, x, vit, temperature=1.0, method=Method()):
    """x + attention(norm1(x)), then x + mlp(norm2(x)), and what the method adds."""
    linear = lambda y, name: F.linear(y, w[f"blocks.{l}.{name}.weight"],
                                      w[f"blocks.{l}.{name}.bias"])
    more = lambda y, name: low_rank(method, w, l, name, y)
    n = norm(x, w, f"blocks.{l}.norm1", vit.eps)
    q, k, v = (part + more(n, name)
               for part, name in zip(linear(n, "attn.qkv").chunk(3, -1), "qkv"))
    if method.key_value:  # prefix tuning, arXiv:2101.00190
        keys, values = prompt(w, l).expand(x.shape[0], -1, -1).chunk(2, -1)
        k, v = torch.cat([keys, k], 1), torch.cat([values, v], 1)
    mixed = attention(q, k, v, vit.heads, temperature)
    y = linear(mixed, "attn.proj") + more(mixed, "proj")
    x = x + y + adapter(method, w, l, "attn", x, y)
    n = norm(x, w, f"blocks.{l}.norm2", vit.eps)
    hidden = F.gelu(linear(n, "mlp.fc1") + more(n, "fc1"))
    y = linear(hidden, "mlp.fc2") + more(hidden, "fc2")
    return x + y + adapter(method, w, l, "mlp", x, y)


def patch_mean(method, vit, x):
    """m^l (B, 1, D) of the patch rows of [class, prompts, patches]."""
    if method.mean_ln:
        x = F.layer_norm(x, x.shape[-1:], eps=vit.eps)
    rows = x[:, -vit.patches:]
    if method.mean_cls:
        rows = torch.cat([x[:, :1], rows], 1)
    mean = rows.mean(1, keepdim=True)
    return mean.detach() if method.mean_detach else mean


def prompt(w, l):
    return w[f"prompt.{l}"] if f"prompt.{l}" in w else w[f"prompt.{l}.a"] @ w[f"prompt.{l}.b"].T


def next_prompts(method, vit, w, l, entered, x_in, x_out, state):
    """U^{l+1} from U^l and what entered and left block l; state holds the LSTM's (H, C)."""
    fresh = prompt(w, l + 1) if method.new_prompts == "every" else 0
    if method.carry == "none":
        return fresh.expand(x_out.shape[0], -1, -1)
    out = x_out[:, 1:1 + method.prompts]
    pooled = x_in if method.mean_in else x_out
    mean = patch_mean(method, vit, pooled) if method.gspc else 0
    if method.mixtures:
        mean = mean + w[f"gspc.{l}.weight"] @ pooled[:, -vit.patches:]
    source = out if method.lpc_first else out + mean
    carried = source
    if method.carry == "lstm":
        cell = "lspt.lstm." + ("" if method.lstm_share else f"{l}.")
        rows = source.flatten(0, 1)
        if not state:
            zero = rows.new_zeros(rows.shape[0], method.lstm_hidden or vit.dim)
            state["h"], state["c"] = zero, zero
        state["h"], state["c"] = torch.lstm_cell(
            rows, (state["h"], state["c"]),
            *(w[cell + n] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
        carried = state["h"].unflatten(0, source.shape[:2])
        if "lspt.up.weight" in w:
            carried = F.linear(carried, w["lspt.up.weight"], w["lspt.up.bias"])
        if method.lstm_residual:
            carried = carried + source
    elif method.carry == "gate":
        g = torch.sigmoid(w["gate.logit"][l])
        carried = g * source + (1 - g) * entered
    if method.lpc_first:
        carried = carried + mean
    return fresh + carried


def forward(w, images, vit, method, pool="token"):
    """images (B, 3, S, S) -> logits (B, K)."""
    batch, p = images.shape[0], 0 if method.key_value else method.prompts
    x = patch_embed(images, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"])
    x = torch.cat([w["cls_token"].expand(batch, -1, -1), x], 1) + w["pos_embed"]
    state = {}
    if p:
        entered = prompt(w, 0).expand(batch, -1, -1)
        x = torch.cat([x[:, :1], entered, x[:, 1:]], 1)
    for l in range(vit.depth):
        temperature = w["attn.temp"].clamp(0.01, 10)[l] if method.attn_temp else 1.0
        x_in, x = x, block(w, l, x, vit, temperature, method)
        if p and l + 1 < vit.depth:
            entered = next_prompts(method, vit, w, l, entered, x_in, x, state)
            x = torch.cat([x[:, :1], entered, x[:, 1 + p:]], 1)
    x = {"token": x[:, 0], "avg": x[:, 1:].mean(1), "patches": x[:, -vit.patches:].mean(1)}[pool]
    x = norm(x, w, "norm", vit.eps)
    for i in range(method.head_layers - 1):
        x = F.relu(F.linear(x, w[f"head.hidden.{i}.weight"], w[f"head.hidden.{i}.bias"]))
    return F.linear(x, w["head.weight"], w["head.bias"])
