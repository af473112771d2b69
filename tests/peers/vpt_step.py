"""Steps of prompt tuning in PyTorch, timed: what the right-hand columns of the README's table of speed come
from. A ViT-B/16 of plain modules with random weights, in the ways a PyTorch user would try, of which the
fastest counts:

  --dtype autocast   f32 parameters under autocast to bf16
  --dtype bf16       frozen weights and activations in bf16, trained ones in f32 and cast where they are used
  --dtype f32
  --compile          torch.compile of the step's forward and backward, in place of eager
  --smart            what prompt tuning lets one leave out, written by hand: the last block computes the class
                     row alone, and VPT-deep's prompts are keys and values only, shared by the batch

  python3 tests/peers/vpt_step.py --methods forward,linear,vpt-deep,lspt,full --batch 8 --prompts 50 --threads 2

forward is inference; linear, vpt-shallow, vpt-deep, lspt and full are training steps with SGD. One JSON
object a line, images/s by the median step. Needs torch.
"""

import argparse
import contextlib
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

METHODS = ("forward", "linear", "vpt-shallow", "vpt-deep", "lspt", "full")


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def parts(self, x, first, last):
        """Projections first .. last of q, k, v: each (B, heads, N, d)."""
        d = x.shape[-1]
        rows = slice(first * d, last * d)
        y = F.linear(x, self.qkv.weight[rows], self.qkv.bias[rows])
        y = y.view(*x.shape[:2], last - first, self.heads, d // self.heads)
        return y.permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x, class_only=False, prompts=None):
        """prompts (1, P, D): keys and values for the whole batch."""
        n = self.norm1(x)
        if class_only:
            (q,), (k, v) = self.parts(n[:, :1], 0, 1), self.parts(n, 1, 3)
            x = x[:, :1]
        else:
            q, k, v = self.parts(n, 0, 3)
        if prompts is not None:
            pk, pv = self.parts(self.norm1(prompts), 1, 3)
            k = torch.cat([pk.expand(len(k), -1, -1, -1), k], 2)
            v = torch.cat([pv.expand(len(v), -1, -1, -1), v], 2)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + self.proj(mixed)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Tuned(nn.Module):
    def __init__(self, method, prompts, o):
        super().__init__()
        self.method, self.smart = method, o.smart
        width, patches = o.width, (o.size // o.patch) ** 2
        self.embed = nn.Conv2d(3, width, o.patch, o.patch)
        self.cls = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, 1 + patches, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, o.heads) for _ in range(o.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.requires_grad_(method == "full")
        self.count = prompts if method in ("forward", "vpt-shallow", "vpt-deep", "lspt") else 0
        if self.count:
            levels = o.depth if method == "vpt-deep" else 1
            self.prompts = nn.Parameter(torch.empty(levels, self.count, width).uniform_(-0.1, 0.1))
        if method == "lspt":
            self.cell = nn.LSTMCell(width, width)
        self.head = nn.Linear(width, o.classes)
        if o.dtype == "bf16":
            for parameter in self.parameters():
                if not parameter.requires_grad or method == "full":
                    parameter.data = parameter.data.bfloat16()

    def features(self, images):
        p, last = self.count, len(self.blocks) - 1
        x = self.embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1).to(x.dtype), x], 1) + self.pos
        lean = self.smart and self.method == "vpt-deep"
        rows = lambda values, x: values.to(x.dtype).expand(len(x), -1, -1)
        if p and not lean:
            x = torch.cat([x[:, :1], rows(self.prompts[0], x), x[:, 1:]], 1)
        state = None
        for l, block in enumerate(self.blocks):
            if l and p and not lean and self.method == "vpt-deep":
                x = torch.cat([x[:, :1], rows(self.prompts[l], x), x[:, 1 + p:]], 1)
            if l and self.method == "lspt":
                coded = (x[:, 1:1 + p] + x[:, 1 + p:].mean(1, keepdim=True)).flatten(0, 1)
                state = self.step(coded, state)
                x = torch.cat([x[:, :1], state[0].view(len(x), p, -1).to(x.dtype), x[:, 1 + p:]], 1)
            x = block(x, class_only=self.smart and l == last,
                      prompts=self.prompts[l:l + 1].to(x.dtype) if lean else None)
        return self.norm(x[:, 0])

    def step(self, coded, state):
        weights = [w.to(coded.dtype) for w in (self.cell.weight_ih, self.cell.weight_hh,
                                               self.cell.bias_ih, self.cell.bias_hh)]
        if state is None:
            state = (torch.zeros_like(coded), torch.zeros_like(coded))
        return torch.lstm_cell(coded, tuple(s.to(coded.dtype) for s in state), *weights)

    def forward(self, images, labels):
        frozen = torch.no_grad() if self.method in ("forward", "linear") else contextlib.nullcontext()
        with frozen:
            x = self.features(images)
        logits = self.head(x.to(self.head.weight.dtype))
        return logits if self.method == "forward" else F.cross_entropy(logits.float(), labels)


def measure(method, o):
    torch.manual_seed(0)
    prompts = 0 if method in ("linear", "full") else o.prompts
    model = Tuned(method, prompts, o).to(o.device)
    run = torch.compile(model, dynamic=False) if o.compile else model
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-3, momentum=0.9)
    images = torch.randn(o.batch, 3, o.size, o.size, device=o.device)
    if o.dtype == "bf16":
        images = images.bfloat16()
    labels = torch.arange(o.batch, device=o.device) * 7 % o.classes
    if o.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for i in range(o.warmup + o.iterations):
        begin = time.perf_counter()
        with torch.autocast(o.device, torch.bfloat16, enabled=o.dtype == "autocast"):
            if method == "forward":
                with torch.no_grad():
                    out = run(images, labels)
            else:
                out = run(images, labels)
        if method != "forward":
            optimizer.zero_grad(set_to_none=True)
            out.backward()
            optimizer.step()
        if o.device == "cuda":
            torch.cuda.synchronize()
        if i >= o.warmup:
            seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    print(json.dumps({"peer": "torch " + torch.__version__, "method": method, "prompts": prompts,
                      "batch": o.batch, "dtype": o.dtype, "compiled": o.compile, "smart": o.smart,
                      "threads": torch.get_num_threads(), "ms": round(1e3 * median, 1),
                      "images_per_second": round(o.batch / median, 2),
                      "peak_memory_mib": torch.cuda.max_memory_allocated() // 2**20
                      if o.device == "cuda" else None}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", choices=["f32", "autocast", "bf16"], default="autocast")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--smart", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    for name, value in [("size", 224), ("patch", 16), ("width", 768), ("depth", 12), ("heads", 12),
                        ("classes", 200)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    o = parser.parse_args()
    if o.threads:
        torch.set_num_threads(o.threads)
    for method in o.methods.split(","):
        if method not in METHODS:
            parser.error(f"--methods: {method} is none of {', '.join(METHODS)}")
        measure(method, o)


if __name__ == "__main__":
    main()
