"""A training step of a masked autoencoder in PyTorch, timed: what `lspt bench --method mae` is compared
with. Plain modules, as a user would write them from MAE's code: fused attention, AdamW with the fused or
multi-tensor update where there is one, autocast for bf16. Random images; every step draws its own masks.

  python3 tests/peers/mae_step.py --model tiny --patch 8 --size 64 --batch 128 --dtype bf16 --threads 2

Prints images/s by the median step, one JSON object a line. Needs torch.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads)
        mixed = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4).unbind(0))
        x = x + self.proj(mixed.transpose(1, 2).reshape(b, n, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class MaskedAutoencoder(nn.Module):
    def __init__(self, size, patch, encoder, decoder, ratio):
        super().__init__()
        (width, depth, heads), (narrow, shallow, few) = encoder, decoder
        self.patch, self.patches = patch, (size // patch) ** 2
        self.visible = int(self.patches * (1 - ratio))
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.cls, self.mask = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 1, narrow))
        self.register_buffer("pos", torch.randn(1, 1 + self.patches, width))
        self.register_buffer("decoder_pos", torch.randn(1, 1 + self.patches, narrow))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.narrow = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, narrow)
        self.decoder = nn.Sequential(*(Block(narrow, few) for _ in range(shallow)))
        self.decoder_norm = nn.LayerNorm(narrow, eps=1e-6)
        self.pred = nn.Linear(narrow, 3 * patch * patch)

    def targets(self, images):
        b, c, s, _ = images.shape
        p = self.patch
        x = images.view(b, c, s // p, p, s // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, self.patches, -1)
        return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-6).sqrt()

    def forward(self, images):
        order = torch.rand(len(images), self.patches, device=images.device).argsort(1)
        take = lambda x, index: x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
        x = self.embed(images).flatten(2).transpose(1, 2) + self.pos[:, 1:]
        x = take(x, order[:, :self.visible])
        x = torch.cat([(self.cls + self.pos[:, :1]).expand(len(x), -1, -1).to(x.dtype), x], 1)
        x = self.narrow(self.norm(self.blocks(x)))
        masked = self.mask.to(x.dtype).expand(len(x), self.patches - self.visible, -1)
        rows = take(torch.cat([x[:, 1:], masked], 1), order.argsort(1))
        x = self.decoder(torch.cat([x[:, :1], rows], 1) + self.decoder_pos)
        x = self.pred(self.decoder_norm(x))[:, 1:]
        error = ((x.float() - self.targets(images)) ** 2).mean(-1)
        return error.gather(1, order[:, self.visible:]).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SIZES, default="tiny")
    parser.add_argument("--patch", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="bf16")
    parser.add_argument("--mask-ratio", type=float, default=0.75)
    parser.add_argument("--decoder", type=int, nargs=3, metavar=("DIM", "DEPTH", "HEADS"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    o = parser.parse_args()
    if o.threads:
        torch.set_num_threads(o.threads)
    encoder = SIZES[o.model]
    # As `lspt pretrain` scales it: two thirds of the encoder, at most MAE's 512 wide and 8 deep.
    width = min(max((2 * encoder[0] // 3 + 16) // 32 * 32, 32), 512)
    decoder = o.decoder or (width, min(max(2 * encoder[1] // 3, 1), 8), width // 32)
    model = MaskedAutoencoder(o.size, o.patch, encoder, decoder, o.mask_ratio).to(o.device)
    forward = torch.compile(model) if o.compile else model
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    try:
        optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)
    except (RuntimeError, TypeError):  # not on this device, or not in this version
        optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), foreach=True)
    images = torch.randn(o.batch, 3, o.size, o.size, device=o.device)
    seconds = []
    for i in range(o.warmup + o.iterations):
        begin = time.perf_counter()
        with torch.autocast(o.device, torch.bfloat16, enabled=o.dtype == "bf16"):
            loss = forward(images)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        if o.device == "cuda":
            torch.cuda.synchronize()
        if i >= o.warmup:
            seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    print(json.dumps({"peer": "torch " + torch.__version__, "model": f"{o.model}/{o.patch} at {o.size}",
                      "decoder": list(decoder), "batch": o.batch, "dtype": o.dtype,
                      "compiled": o.compile, "threads": torch.get_num_threads(),
                      "ms": round(1e3 * median, 1), "images_per_second": round(o.batch / median, 1)}))


if __name__ == "__main__":
    main()
