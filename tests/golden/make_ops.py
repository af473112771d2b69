"""Writes op_table.safetensors: python3 tests/golden/make_ops.py [build/tests/ops]

What PyTorch computes, in double precision, for every case of tests/op_cases.cpp: CASE/outI and
CASE/gradI, gradients of the sum of all results times fixed weights. Inputs and weights are not
stored: both sides draw them from the same Philox streams. Of more than 2048 elements every n-th is
kept, n odd. Needs torch, numpy, safetensors (PyPI), and the program, which lists the cases.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import make_mae as mae
import reference as ref

VARIABLE, CONSTANT, PROBABILITIES = range(3)
DROPOUT, TEST = 4, 7  # engine/random.h: Purpose


def philox(seed, epoch, sample, purpose, count):
    """The first `count` words of a stream: Philox4x32-10 of the counters 0, 1, 2, ..."""
    quads = np.arange((count + 3) // 4, dtype=np.uint64)
    one = np.ones_like(quads)
    c = [quads, sample * one, epoch * one, purpose * one]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [b >> np.uint64(32) ^ c[1] ^ np.uint64(key[0]), b & low,
             a >> np.uint64(32) ^ c[3] ^ np.uint64(key[1]), a & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1).reshape(-1)[:count]


def normal(shape, stream, shift=0.0):
    """tests/op_checks.cpp: standard normal plus shift, exact in bf16."""
    words = philox(7, 0, stream, TEST, 2 * int(np.prod(shape))).astype(np.float64).reshape(-1, 2)
    u, v = (words[:, 0] + 0.5) * 2.0**-32, words[:, 1] * 2.0**-32
    x = np.sqrt(-2 * np.log(u)) * np.cos(6.283185307179586 * v)
    x = torch.from_numpy(x.astype(np.float32)) + torch.tensor(shift)
    return x.bfloat16().double().reshape(shape)


def dropout(x, p=0.3):
    units = (philox(5, 1, 2, DROPOUT, x.numel()) >> np.uint64(8)).astype(np.float32) * 2.0**-24
    kept = torch.from_numpy(units >= np.float32(p)).reshape(x.shape)
    return x * kept / (1 - float(np.float32(p)))


def attention(qkv, heads, query=None, prompt=None, temperature=None):
    q, k, v = qkv.chunk(3, -1) if query is None else (query, *qkv.chunk(2, -1))
    if prompt is not None:
        pk, pv = prompt.expand(q.shape[0], -1, -1).chunk(2, -1)
        k, v = torch.cat([pk, k], 1), torch.cat([pv, v], 1)
    t = 1.0 if temperature is None else temperature.clamp(0.01, 10)[1]
    return ref.attention(q, k, v, heads, t)


def lstm(s, h, c, w_ih, w_hh, b_ih, b_hh):
    if h is None:
        h = c = torch.zeros(s.shape[0], w_hh.shape[1], dtype=s.dtype)
    cell = torch.nn.LSTMCell(s.shape[1], h.shape[1], dtype=torch.double)
    names = {"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
    return torch.func.functional_call(cell, names, (s, (h, c)))


def lstm_again(x, y, *weights):
    return lstm(y, *lstm(x, None, None, *weights), *weights)


def lstm_steps(x, *weights):
    h, c = lstm(x, None, None, *weights)
    for _ in range(2):
        h, c = lstm(x, h, c, *weights)
    return h


def lstm_tokens(x, mean, *rest):
    return lstm((x[:, 1:-2] + mean).flatten(0, 1), *rest)


def lstm_tokens_again(x, mean, *weights):
    first = lstm((x[:, 1:4] + mean).flatten(0, 1), None, None, *weights)
    return lstm(x[:, 2:5].flatten(0, 1), *first, *weights)


def add_columns(x, part, at, scale):
    return x + scale * F.pad(part, (at, x.shape[-1] - at - part.shape[-1]))


def splice(x, at, remove, rows):
    rows = rows if rows is None or rows.dim() == 3 else rows.expand(x.shape[0], -1, -1)
    return torch.cat([x[:, :at], *([] if rows is None else [rows]), x[:, at + remove:]], 1)


def gate(p_in, p_out, logits):
    g = logits[3].sigmoid()
    return g * p_out + (1 - g) * p_in


def order_of(images, patches):
    return (3 * torch.arange(patches) + torch.arange(images)[:, None]) % patches


def restore(x, mask, positions):
    """MAE's way: mask tokens behind the visible rows, then back into the images' order."""
    order = order_of(x.shape[0], len(positions) - 1)
    masked = mask.expand(len(x), order.shape[1] + 1 - x.shape[1], -1)
    rows = mae.rows(torch.cat([x[:, 1:], masked], 1), order.argsort(1))
    return torch.cat([x[:, :1], rows], 1) + positions


def patch_loss(patch, normalize=True):
    def loss(prediction, images):
        target = mae.patchify(images, patch)
        if normalize:
            target = (target - target.mean(-1, keepdim=True)) / (
                target.var(-1, keepdim=True) + 1e-6) ** 0.5
        order = order_of(len(images), target.shape[1])
        return F.mse_loss(prediction, mae.rows(target, order[:, -prediction.shape[1]:]))
    return loss


def norm(x, weight=None, bias=None):
    return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-6)


def pool(begin):
    return lambda x: x[:, begin:].mean(1)


OPS = {
    "add of one shape": torch.add,
    "add of one row": torch.add,
    "add of the same rows for every image": torch.add,
    "add of one row for each image": torch.add,
    "add of a tensor to itself": lambda x: x + x,
    "relu": F.relu,
    "relu on one side": lambda x, y: (x.relu(), y.relu()),
    "add_columns": lambda x, part: add_columns(x, part, 4 if x.shape[-1] == 7 else 8, 0.5),
    "add_columns in place": lambda x, part: 2 * add_columns(2 * x, part, 0, -2.0),
    "mix_tokens": lambda x, w: w @ (x[:, 1:4] if x.shape[1] == 5 else x[:, 10:]),
    "gelu": F.gelu,
    "dropout": dropout,
    "gate": gate,
    "cast": lambda x: x,
    "reshape": lambda x: x.reshape(2, 6),
    "slice_tokens": lambda x: x[:, 1:4],
    "splice inserts shared rows": lambda x, rows: splice(x, 1, 0, rows),
    "splice replaces rows of each image": lambda x, rows: splice(x, 1, 2, rows),
    "splice replaces rows in place": lambda x, rows: 2 * splice(2 * x, 1, 2, rows),
    "splice removes rows": lambda x: splice(x, 1, 2, None),
    "expand": lambda x: x.expand(3, -1, -1),
    "slice_rows": lambda x: x[1:4],
    "patch_pool": pool(1),
    "gather_tokens": lambda x: mae.rows(x[:, 1:], order_of(2, 5)[:, 1:4]),
    "gather_tokens, large": lambda x: mae.rows(x[:, 1:], order_of(3, 40)[:, 10:]),
    "restore_tokens": restore,
    "patch_loss": patch_loss(2),
    "patch_loss of pixels": patch_loss(2, False),
    "patch_loss, large": patch_loss(8),
    "patch_embed": lambda weight, bias, images: ref.patch_embed(images, weight, bias),
    "linear": F.linear,
    "linear without bias": F.linear,
    "linear with residual": lambda x, w, b, residual: F.linear(x, w, b) + residual,
    "linear with gelu": lambda *v: F.gelu(F.linear(*v)),
    "layer_norm": norm,
    "layer_norm without weight and bias": norm,
    "layer_norm of rows far from zero": norm,
    "layer_norm of an odd width": norm,
    "layer_norm of wide rows": norm,
    "layer_norm of wider rows": norm,
    "cross_entropy": F.cross_entropy,
    "attention": lambda qkv: attention(qkv, 2),
    "attention with shared prompt keys and values": lambda qkv, p: attention(qkv, 2, prompt=p),
    "attention with shared prompt keys and values, large": lambda qkv, p: attention(qkv, 4, prompt=p),
    "attention with prompt keys and values of each image":
        lambda qkv, p: attention(qkv, 2, prompt=p),
    "attention with queries of their own": lambda kv, q, p: attention(kv, 2, q, p),
    "attention with a temperature": lambda qkv, t: attention(qkv, 2, temperature=t),
    "attention with a temperature beyond its limit":
        lambda qkv, t: attention(qkv, 2, temperature=t),
    "attention with queries and a temperature": lambda kv, q, p, t: attention(kv, 4, q, p, t),
    "lstm_cell": lstm,
    "lstm_cell of which only h is read": lambda *v: lstm(*v)[0],
    "lstm_cell of which only c is read": lambda *v: lstm(*v)[1],
    "lstm_cell from nothing, then again with the same weights": lstm_again,
    "lstm_cell of tokens and their mean": lstm_tokens,
    "lstm_cell of tokens from nothing, then of other ones": lstm_tokens_again,
    "lstm_cell, four steps of which the last is not read": lstm_steps,
}


def main(program):
    out = {}

    def keep(name, values):
        values = values.detach().reshape(-1)
        out[name] = values[::(values.numel() + 2047) // 2048 | 1].float().contiguous()

    for line in subprocess.run([program, "--list"], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        case, *inputs = line.split("\t")
        function = OPS.get(case, OPS.get(case.removesuffix(", large")))
        if function is None:
            sys.exit(f"{case}: no PyTorch form here")
        leaves = []
        for i, (shape, shift, role) in enumerate(text.split() for text in inputs):
            x = normal([int(n) for n in shape.split("x")], i, float(shift))
            if int(role) == PROBABILITIES:
                x = x.softmax(-1).float().double()
            leaves.append(x.requires_grad_(int(role) == VARIABLE))
        results = function(*leaves)
        results = results if isinstance(results, tuple) else (results,)
        sum((y * normal(y.shape or (1,), 100 + i)).sum() for i, y in enumerate(results)).backward()
        for i, y in enumerate(results):
            keep(f"{case}/out{i}", y)
        for i, x in enumerate(leaves):
            if x.requires_grad:
                keep(f"{case}/grad{i}", x.grad)
    save_file(out, Path(__file__).parent / "op_table.safetensors")


main(sys.argv[1] if len(sys.argv) > 1 else "build/tests/ops")
