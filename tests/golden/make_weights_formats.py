#!/usr/bin/env python3
"""Adds to tests/golden/weights/ what make_weights.py does not write: PyTorch's old formats, rare ways
to pickle a tensor, NumPy's arrays, Google's ViT, DINOv2, and the values expected from them.

    python3 tests/golden/make_weights_formats.py   (torch, timm, numpy, safetensors)
"""
import argparse
import collections
import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer, _load_weights

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")
WIDTH, DEPTH, PATCH, GRID, HEADS = 4, 2, 2, 3, 2


def path(name):
    return os.path.join(OUT, name)


def dense(d):
    return {k: v.detach().contiguous().clone() for k, v in d.items()}


def traps():
    """The tensors of make_weights.traps."""
    big = torch.arange(24, dtype=torch.float32)
    d = collections.OrderedDict()
    d["shared_a"], d["shared_b"] = big[:12].view(3, 4), big.view(4, 6)
    d["transposed"], d["permuted"] = big.view(4, 6).t(), big.view(2, 3, 4).permute(2, 0, 1)
    d["column"], d["slice"] = big.view(4, 6)[:, 2], big[8:11]
    d["scalar"], d["scalar_in_storage"], d["empty"] = torch.tensor(3.5), big[7], torch.zeros(0, 3)
    d["parameter"] = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        d[str(dtype)[6:]] = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 1e-5, 1 / 3], dtype=dtype)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8):
        d[str(dtype)[6:]] = torch.tensor([-128, -1, 0, 127], dtype=dtype)
    d["uint8"], d["bool"] = torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([True, False])
    return d


class Named:
    """Pickled as a persistent id, as PyTorch's storages are."""

    def __init__(self, saved_id):
        self.saved_id = saved_id


class Rebuilt:
    """Pickled as a call of torch._utils._rebuild_tensor, PyTorch's before 0.4."""

    def __init__(self, storage, offset, size, stride):
        self.arguments = (storage, offset, size, stride)

    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.saved_id if isinstance(value, Named) else None


def raw(tensor):
    return struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes()


def legacy_views():
    """Storages that are parts of others: PyTorch 0.1.10 to 0.3 wrote the sixth field of the id."""
    root, other = torch.arange(12, dtype=torch.float32), torch.tensor([7.0, 8.0], dtype=torch.float64)
    whole = Named(("storage", torch.FloatStorage, "900", "cuda:0", 12, None))
    part = Named(("storage", torch.FloatStorage, "900", "cuda:0", 12, ("901", 4, 6)))
    double = Named(("storage", torch.DoubleStorage, "1000", "cpu", 2, None))
    d = collections.OrderedDict([("part", Rebuilt(part, 1, (2, 2), (3, 1))), ("whole", Rebuilt(whole, 0, (3, 4), (4, 1))),
                                 ("double", Rebuilt(double, 0, (2,), (1,)))])
    out = io.BytesIO()
    pickle.dump(0x1950a86a20f9469cfc6c, out, 2)
    pickle.dump(1001, out, 2)
    pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, out, 2)
    Pickler(out, 2).dump(d)
    pickle.dump(["1000", "900"], out, 2)  # sorted as texts
    out.write(raw(other) + raw(root))
    with open(path("legacy_views.pth"), "wb") as f:
        f.write(out.getvalue())
    loaded = torch.load(path("legacy_views.pth"), weights_only=False, map_location="cpu")
    save_file(dense(loaded), path("legacy_views_expected.safetensors"))


def legacy_tar():
    """PyTorch up to 0.1.9, after what torch.serialization's legacy_load reads."""
    storages, tensors = io.BytesIO(), io.BytesIO()
    values = torch.arange(10, dtype=torch.float32) / 3
    counts = torch.tensor([5, -6], dtype=torch.int64)
    pickle.dump(2, storages, 2)
    for key, location, kind, value in ((11, "cpu", torch.FloatStorage, values), (12, "cpu", torch.LongStorage, counts)):
        pickle.dump((key, location, kind), storages, 2)
        storages.write(raw(value))
    pickle.dump([(13, 11, 4, 6)], storages, 2)  # a view: key, root, offset, elements
    pickle.dump(4, tensors, 2)
    for key, storage, size, stride, offset in ((21, 11, (2, 3), (3, 1), 1), (22, 12, (2,), (1,), 0),
                                               (23, 13, (2, 2), (1, 2), 1), (24, 11, (5, 2), (2, 1), 0)):
        kind = torch.LongTensor if storage == 12 else torch.FloatTensor
        pickle.dump((key, storage, kind), tensors, 2)
        tensors.write(struct.pack("<ii", len(size), 0) + struct.pack(f"<{len(size)}q", *size))
        tensors.write(struct.pack(f"<{len(size)}q", *stride) + struct.pack("<q", offset))
    object_ = io.BytesIO()
    names = {"matrix": 21, "counts": 22, "view": 23, "all": 24}
    Pickler(object_, 2).dump({"epoch": 3, "state_dict": collections.OrderedDict((k, Named(v)) for k, v in names.items())})
    with tarfile.open(path("legacy_tar.pth"), "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (("storages", storages), ("tensors", tensors), ("pickle", object_)):
            info = tarfile.TarInfo(name)
            info.size = len(data.getvalue())
            tar.addfile(info, io.BytesIO(data.getvalue()))
    loaded = torch.load(path("legacy_tar.pth"), weights_only=False)["state_dict"]
    save_file({k: v.float().contiguous().clone() for k, v in loaded.items()}, path("legacy_tar_expected.safetensors"))


class Subclass(torch.Tensor):
    pass


def rare():
    """Element types without a storage class, a parameter with attributes, a subclass of Tensor."""
    d = collections.OrderedDict()
    for bits in (16, 32, 64):
        d[f"uint{bits}"] = torch.tensor([0, 1, 2 ** (bits - 1)], dtype=getattr(torch, f"uint{bits}"))
    d["uint16_part"] = torch.arange(6).to(torch.uint16).view(2, 3).t()[1:]
    d["attributed"] = torch.nn.Parameter(torch.tensor([[1.0, 2.0]]))
    d["attributed"].note = "kept as state"
    d["subclass"] = torch.arange(6.0).view(2, 3).t().as_subclass(Subclass)
    torch.save(d, path("rare.pth"))
    save_file({k: v.detach().as_subclass(torch.Tensor).to(torch.float64).float().contiguous().clone() for k, v in d.items()},
              path("rare_expected.safetensors"))


def arrays():
    """Every type, order and header version that NumPy writes and weights may have."""
    big = np.arange(24, dtype=np.float32)
    d = {"c": big.reshape(2, 3, 4), "fortran": np.asfortranarray(big.reshape(2, 3, 4)), "scalar": np.float32(2.5),
         "one": np.array([1.5], np.float32), "empty": np.zeros((0, 3), np.float32),
         "f8": np.array([1 / 3, -2.0]), "f2": np.array([1 / 3, 6e-8, -65504], np.float16),
         "bool": np.array([True, False])}
    for kind in ("i1", "i2", "i4", "i8"):
        d[kind] = np.array([-128, 0, 127], kind)
    for kind in ("u1", "u2", "u4", "u8"):
        d[kind] = np.array([0, 255], kind)
    bf16 = torch.tensor([1 / 3, -2.5]).bfloat16()
    save_file({"bf16": bf16.float(), **{k: torch.from_numpy(np.array(v, np.float32, order="C")) for k, v in d.items()}},
              path("arrays_expected.safetensors"))
    d["bf16"] = bf16.view(torch.int16).numpy().view("V2")  # as JAX's bfloat16 arrays are saved
    d["text"], d["complex"] = np.array(["left", "out"]), np.array([1j])
    np.savez_compressed(path("arrays.npz"), **d)
    # Header versions 2 and 3, which NumPy takes for long headers and for names beyond Latin-1.
    with zipfile.ZipFile(path("arrays.npz"), "a") as archive:
        for version in ((2, 0), (3, 0)):
            out = io.BytesIO()
            np.lib.format.write_array(out, big[:3], version=version)
            archive.writestr(f"version{version[0]}.npy", out.getvalue())


def google_arrays(base, norm2, attention, mlp):
    """timm's tensors as Google's code keeps them: kernels (in, out), heads apart, the patch as HWIO."""
    def array(name):
        return base[name].numpy()

    d = {"embedding/kernel": array("patch_embed.proj.weight").transpose(2, 3, 1, 0), "cls": array("cls_token"),
         "embedding/bias": array("patch_embed.proj.bias"), "Transformer/posembed_input/pos_embedding": array("pos_embed"),
         "Transformer/encoder_norm/scale": array("norm.weight"), "Transformer/encoder_norm/bias": array("norm.bias")}
    for i in range(DEPTH):
        b, to = f"blocks.{i}.", f"Transformer/encoderblock_{i}/"
        for ours, theirs in (("norm1", "LayerNorm_0"), ("norm2", norm2)):
            d[f"{to}{theirs}/scale"], d[f"{to}{theirs}/bias"] = array(f"{b}{ours}.weight"), array(f"{b}{ours}.bias")
        weight, bias = array(b + "attn.qkv.weight").reshape(3, WIDTH, WIDTH), array(b + "attn.qkv.bias").reshape(3, WIDTH)
        for k, name in enumerate(("query", "key", "value")):
            d[f"{to}{attention}/{name}/kernel"] = weight[k].T.reshape(WIDTH, HEADS, WIDTH // HEADS)
            d[f"{to}{attention}/{name}/bias"] = bias[k].reshape(HEADS, WIDTH // HEADS)
        d[f"{to}{attention}/out/kernel"] = array(b + "attn.proj.weight").T.reshape(HEADS, WIDTH // HEADS, WIDTH)
        d[f"{to}{attention}/out/bias"] = array(b + "attn.proj.bias")
        for k in (0, 1):
            d[f"{to}{mlp}/Dense_{k}/kernel"] = array(f"{b}mlp.fc{k + 1}.weight").T
            d[f"{to}{mlp}/Dense_{k}/bias"] = array(f"{b}mlp.fc{k + 1}.bias")
    head = np.ones((WIDTH, 5), np.float32), np.zeros(5, np.float32)
    d["head/kernel"], d["head/bias"] = head
    d["pre_logits/kernel"], d["pre_logits/bias"] = np.ones((WIDTH, WIDTH), np.float32), np.zeros(WIDTH, np.float32)
    return {k: np.ascontiguousarray(v) for k, v in d.items()}


def vit(grid=GRID, **options):
    return VisionTransformer(img_size=grid * PATCH, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
                             num_classes=0, **options).eval()


def google(base):
    plain = google_arrays(base, "LayerNorm_2", "MultiHeadDotProductAttention_1", "MlpBlock_3")
    np.savez(path("google.npz"), **plain)
    optimizer = {"opt/state/param_states/embedding/kernel/grad_ema": np.zeros(2, np.float32)}
    fortran = {k: np.asfortranarray(v) for k, v in plain.items()}
    np.savez_compressed(path("google_opt.npz"), **{"opt/target/" + k: v for k, v in fortran.items()}, **optimizer)
    vision = google_arrays(base, "LayerNorm_1", "MultiHeadDotProductAttention_0", "MlpBlock_0")
    vision["pos_embedding"] = vision.pop("Transformer/posembed_input/pos_embedding")
    np.savez_compressed(path("google_params.npz"), **{"params/" + k: v for k, v in vision.items()})

    expected, image = {}, torch.randn(2, 3, GRID * PATCH, GRID * PATCH)
    for name in ("google.npz", "google_opt.npz", "google_params.npz"):
        model = vit()
        _load_weights(model, path(name))
        for key, value in model.state_dict().items():
            assert torch.equal(value, base[key]), (name, key)
            expected[key] = value
    with torch.no_grad():
        expected["image"], expected["features"] = image, model.forward_features(image)
    for grid in (2, 5, 7):
        model = vit(grid)
        _load_weights(model, path("google.npz"))
        expected[f"resampled.{grid}"] = model.state_dict()["pos_embed"]
    save_file(dense(expected), path("google_expected.safetensors"))


def dinov2(base):
    model = vit(init_values=1.0)
    scales = {f"blocks.{i}.ls{k}.gamma": torch.rand(WIDTH) + 0.5 for i in range(DEPTH) for k in (1, 2)}
    model.load_state_dict({**base, **scales})
    torch.save(collections.OrderedDict({**base, **scales, "mask_token": torch.zeros(1, WIDTH)}), path("dinov2.pth"))
    chunked = {k.replace("blocks.0.", "blocks.0.0.").replace("blocks.1.", "blocks.1.1."): v for k, v in {**base, **scales}.items()}
    torch.save({"teacher": {"backbone." + k: v for k, v in chunked.items()}}, path("dinov2_chunked.pth"))
    expected = {}
    for i in range(DEPTH):
        for k, name in ((1, "attn.proj"), (2, "mlp.fc2")):
            gamma, name = scales[f"blocks.{i}.ls{k}.gamma"], f"blocks.{i}.{name}"
            expected[name + ".weight"] = gamma[:, None] * base[name + ".weight"]
            expected[name + ".bias"] = gamma * base[name + ".bias"]
    image = torch.randn(2, 3, GRID * PATCH, GRID * PATCH)
    with torch.no_grad():
        expected["image"], expected["features"] = image, model.forward_features(image)
    save_file(dense(expected), path("dinov2_expected.safetensors"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    expected_values = load_file(path("expected.safetensors"))
    tiny = {k: v for k, v in expected_values.items() if not k.startswith(("resampled", "mae.", "moco_v3."))}
    heads = {"head.weight": torch.randn(5, WIDTH), "head.bias": torch.randn(5)}
    old = {"_use_new_zipfile_serialization": False}
    torch.save(collections.OrderedDict({**tiny, **heads}), path("legacy_timm.pth"), **old)
    torch.save({"state_dict": traps(), "args": argparse.Namespace(a=1), "count": 2}, path("legacy_traps.pth"), **old)
    torch.save(traps(), path("legacy_traps4.pth"), pickle_protocol=4, **old)
    legacy_views()
    legacy_tar()
    rare()
    arrays()
    google(tiny)
    dinov2(tiny)
