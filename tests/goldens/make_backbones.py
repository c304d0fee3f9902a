"""Makes swin.json and convnext.json from the backbones of a checkout of the official DINO code.

    python3 make_backbones.py OFFICIAL_DINO FOLDER

OFFICIAL_DINO is the folder with models/dino/swin_transformer.py; the files are written to FOLDER. Needs PyTorch on the
CPU. Weights and inputs follow FORMULA.md; truth is computed in float64, noise is what PyTorch's float32 differs by.
"""

import importlib.util
import json
import math
import sys
import types
from pathlib import Path

import numpy as np
import torch

MASK32 = 0xFFFFFFFF

# --- the formula ------------------------------------------------------------------------------------------------------


def fnv1a32(text):
    value = 0x811C9DC5
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x01000193) & MASK32
    return value


def uniforms(name, count):
    """u(NAME, 0 .. count - 1) as float64."""
    x = (fnv1a32(name) + np.arange(count, dtype=np.uint64) * 0x9E3779B9) & MASK32
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & MASK32
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & MASK32
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) * 2.0**-24


def values_of(spec):
    """The elements of a spec of the kinds that are used here, float32 numbers."""
    shape = spec["shape"]
    count = math.prod(shape)
    u = uniforms(spec["name"], count)
    if spec["kind"] == "sym":
        made = spec["offset"] + (2 * u - 1) * spec["scale"]
    elif spec["kind"] == "uni":
        made = spec["offset"] + u * spec["scale"]
    else:
        raise ValueError(spec["kind"])
    return torch.from_numpy(made.astype(np.float32).reshape(shape))


def weight_spec(key, shape, prefix):
    """Distribution of a weight: outputs of about unit size, and every part of the network matters."""
    fan_in = math.prod(shape[1:])
    if key.endswith("relative_position_bias_table"):
        scale, offset = 0.5, 0.0
    elif key.endswith("gamma"):
        scale, offset = 0.2, 0.5
    elif len(shape) >= 2:
        scale, offset = math.sqrt(3 / fan_in), 0.0
    elif key.endswith("weight"):
        scale, offset = 0.1, 1.0
    else:
        scale, offset = 0.1, 0.0
    return {"name": f"{prefix}/{key}", "shape": list(shape), "kind": "sym", "scale": scale, "offset": offset}


# --- stochastic depth by the project's random numbers -----------------------------------------------------------------


def threefry_word(key, counter):
    """First word of Threefry-2x32 with 20 rounds (Salmon et al., 2011)."""
    keys = [key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]]
    x = ((counter & MASK32) + keys[0]) & MASK32
    y = ((counter >> 32) + keys[1]) & MASK32
    rotations = [13, 15, 26, 6, 17, 29, 16, 24]
    for group in range(5):
        for turn in range(4):
            by = rotations[(group % 2) * 4 + turn]
            x = (x + y) & MASK32
            y = (((y << by) | (y >> (32 - by))) & MASK32) ^ x
        x = (x + keys[(group + 1) % 3]) & MASK32
        y = (y + keys[(group + 2) % 3] + group + 1) & MASK32
    return x


class Stream:
    """One number after the other."""

    def __init__(self, seed, name):
        self.key, self.counter = (seed, fnv1a32(name)), 0

    def uniform(self):
        self.counter += 1
        return (threefry_word(self.key, self.counter - 1) >> 8) * 2.0**-24


class DropPath(torch.nn.Module):
    """A sample's branch is left out where its number is below the probability; the others grow to make up for it."""

    stream = None

    def __init__(self, drop_prob=0.0):
        super().__init__()
        self.probability = drop_prob

    def forward(self, x):
        if not self.training or self.probability == 0:
            return x
        kept = [float(DropPath.stream.uniform() >= np.float32(self.probability)) for _ in range(x.shape[0])]
        factors = torch.tensor(kept, dtype=x.dtype) / (1 - self.probability)
        return x * factors.reshape(-1, *[1] * (x.dim() - 1))


# --- the official modules, with what they import ----------------------------------------------------------------------


class NestedTensor:
    def __init__(self, tensors, mask):
        self.tensors, self.mask = tensors, mask


def module_of(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def load_official(folder):
    module_of("timm")
    module_of("timm.models")
    module_of(
        "timm.models.layers",
        DropPath=DropPath,
        to_2tuple=lambda x: x if isinstance(x, tuple) else (x, x),
        trunc_normal_=lambda tensor, std=1.0: torch.nn.init.normal_(tensor, std=std),
    )
    module_of("util")
    module_of("util.misc", NestedTensor=NestedTensor)
    found = []
    for name in ("swin_transformer", "convnext"):
        spec = importlib.util.spec_from_file_location(name, Path(folder) / "models" / "dino" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(module)
    return found


# --- what is written --------------------------------------------------------------------------------------------------

ALL_UP_TO, SAMPLES = 32, 32


def rounded(value, digits=12):
    return float(f"{value:.{digits}g}")


def sample_indices(name, count):
    u = uniforms(f"{name}.samples", SAMPLES - 2)
    return sorted({0, count - 1, *(int(v * count) for v in u)})


def expected(name, truth, single):
    """A tensor as the goldens store it: sums, some or all entries, and float32's distance over the whole tensor."""
    flat, near = truth.detach().double().flatten(), single.detach().double().flatten()
    apart = (flat - near).abs()
    largest = flat.abs().max().item()
    row = {
        "shape": list(truth.shape),
        "sum": rounded(flat.sum().item()),
        "sumsq": rounded((flat * flat).sum().item()),
        "absmax": rounded(largest, 10),
    }
    if flat.numel() <= ALL_UP_TO:
        row["data"] = [rounded(v) for v in flat.tolist()]
    else:
        row["idx"] = sample_indices(name, flat.numel())
        row["val"] = [rounded(v) for v in flat[row["idx"]].tolist()]
    row["noise_abs"] = rounded(apart.max().item(), 3)
    row["noise_rel"] = rounded(apart.max().item() / largest if largest > 0 else 0.0, 3)
    row["noise_rms"] = rounded((apart * apart).mean().sqrt().item(), 3)
    return row


def whole_numbers(name, values):
    flat = values.flatten().long()
    row = {"shape": list(values.shape), "dtype": str(values.dtype).removeprefix("torch."), "f32_same": True}
    if flat.numel() <= ALL_UP_TO:
        return {**row, "data": flat.tolist()}
    index = sample_indices(name, flat.numel())
    return {**row, "idx": index, "val": flat[index].tolist()}


def state_rows(module):
    return [[key, list(x.shape), str(x.dtype).removeprefix("torch.")] for key, x in module.state_dict().items()]


def run(make, case, dtype):
    """Features, masks and gradients of a case in one precision."""
    torch.set_default_dtype(dtype)
    module = make()
    module.load_state_dict(
        {key: values_of(spec).to(dtype) for key, spec in case["specs"].items()}, strict=False
    )
    module.train(case["training"])
    DropPath.stream = Stream(case["noise"]["seed"], case["noise"]["name"])
    sizes = case["image_sizes_hw"]
    height, width = max(h for h, _ in sizes), max(w for _, w in sizes)
    images = torch.zeros(len(sizes), 3, height, width, dtype=dtype)
    mask = torch.ones(len(sizes), height, width, dtype=torch.bool)
    for i, ((h, w), spec) in enumerate(zip(sizes, case["inputs"]["images"])):
        images[i, :, :h, :w] = values_of(spec).to(dtype)
        mask[i, :h, :w] = False
    images.requires_grad_(True)
    outputs = list(module(NestedTensor(images, mask)).values())
    features, masks = [x.tensors for x in outputs], [x.mask for x in outputs]
    specs = [
        {"name": f"{case['prefix']}/grad_{stage}", "shape": list(x.shape), "kind": "sym", "scale": 1.0, "offset": 0.0}
        for stage, x in zip(case["return_interm_indices"], features)
    ]
    sum((x * values_of(spec).to(dtype)).sum() for x, spec in zip(features, specs)).backward()
    torch.set_default_dtype(torch.float32)
    return types.SimpleNamespace(module=module, images=images, features=features, masks=masks, specs=specs)


def make_case(make, *, kind, id, outputs, sizes, training=False, **described):
    prefix = f"own/{kind}/{id}"
    state = make().state_dict()
    case = {
        "prefix": prefix,
        "specs": {key: weight_spec(key, x.shape, prefix) for key, x in state.items() if x.is_floating_point()},
        "inputs": {
            "images": [
                {"name": f"{prefix}/image{i}", "shape": [3, h, w], "kind": "uni", "scale": 4.0, "offset": -2.0}
                for i, (h, w) in enumerate(sizes)
            ]
        },
        "image_sizes_hw": sizes,
        "return_interm_indices": outputs,
        "training": training,
        "noise": {"seed": 3, "name": prefix},
    }
    truth, single = run(make, case, torch.float64), run(make, case, torch.float32)
    found = {}
    for stage, x, y in zip(outputs, truth.features, single.features):
        found[f"feature_{stage}"] = expected(f"{prefix}/feature_{stage}", x, y)
    for stage, mask in zip(outputs, truth.masks):
        found[f"mask_{stage}"] = whole_numbers(f"{prefix}/mask_{stage}", mask)
    for key, x in state.items():
        if not x.is_floating_point():
            found[f"buffer:{key}"] = whole_numbers(f"{prefix}/{key}", x)
    found["grad_images"] = expected(f"{prefix}/grad_images", truth.images.grad, single.images.grad)
    near = dict(single.module.named_parameters())
    trainable = []
    for key, parameter in truth.module.named_parameters():
        if not parameter.requires_grad:
            continue
        trainable.append(key)
        if parameter.grad is not None:
            found[f"grad_param:{key}"] = expected(f"{prefix}/grad/{key}", parameter.grad, near[key].grad)
    return {
        "id": id,
        "kind": kind,
        **described,
        "return_interm_indices": outputs,
        "image_sizes_hw": sizes,
        "training": training,
        "noise": case["noise"],
        "trainable": trainable,
        "state": state_rows(truth.module),
        "params": [
            [key, s["name"], s["shape"], s["kind"], s["scale"], s["offset"]] for key, s in case["specs"].items()
        ],
        "inputs": {**case["inputs"], "grad_features": truth.specs},
        "expected": found,
    }


def state_case(module, id, **described):
    """Names and shapes of a network of full size."""
    return {
        "id": id,
        "kind": "state",
        **described,
        "parameters": sum(x.numel() for x in module.parameters()),
        "state": state_rows(module),
    }


def swin_cases(official):
    def small(id, *, features, depths, heads, window, outputs, sizes, dilation=False, frozen=-1, rate=0.2, **options):
        def make():
            return official.SwinTransformer(
                embed_dim=features, depths=depths, num_heads=heads, window_size=window, out_indices=tuple(outputs),
                dilation=dilation, frozen_stages=frozen, drop_path_rate=rate,
            )

        return make_case(
            make, kind="swin", id=id, outputs=outputs, sizes=sizes,
            architecture={"features": features, "depths": depths, "heads": heads, "window": window},
            dilation=dilation, frozen_stages=frozen, drop_path_rate=rate, **options,
        )

    yield small("shifted", features=16, depths=[2, 2, 4, 2], heads=[2, 4, 4, 8], window=4, outputs=[1, 2, 3],
                sizes=[[61, 83], [50, 70]])
    yield small("dilated", features=8, depths=[1, 2, 3, 2], heads=[1, 2, 4, 4], window=3, outputs=[0, 1, 2, 3],
                sizes=[[47, 64], [33, 39]], dilation=True)
    yield small("large_window", features=6, depths=[2, 2, 2, 2], heads=[1, 2, 3, 6], window=7, outputs=[3],
                sizes=[[70, 45]])
    yield small("frozen", features=8, depths=[2, 2, 2, 2], heads=[2, 2, 4, 4], window=5, outputs=[0, 1, 2, 3],
                sizes=[[40, 57], [64, 30], [37, 21]], frozen=2, rate=0.6, training=True)
    yield small("stochastic_depth", features=8, depths=[1, 2, 3, 1], heads=[2, 2, 4, 4], window=4, outputs=[1, 2, 3],
                sizes=[[32, 48], [35, 41], [29, 50]], rate=0.7, training=True)
    for name, outputs, dilation in [
        ("swin_T_224_1k", [1, 2, 3], False), ("swin_T_224_1k", [1, 2, 3], True), ("swin_B_224_22k", [1, 2, 3], False),
        ("swin_B_384_22k", [1, 2, 3], False), ("swin_L_224_22k", [1, 2, 3], False),
        ("swin_L_384_22k", [1, 2, 3], False), ("swin_L_384_22k", [0, 1, 2, 3], False),
    ]:
        module = official.build_swin_transformer(
            name, int(name.split("_")[-2]), out_indices=tuple(outputs), dilation=dilation,
        )
        id = f"{name} {len(outputs)} outputs{' dilated' if dilation else ''}"
        yield state_case(module, id, backbone=name, dilation=dilation, return_interm_indices=outputs)


def convnext_cases(official):
    def small(id, *, features, depths, outputs, sizes, rate=0.0, **options):
        def make():
            return official.ConvNeXt(depths=depths, dims=features, out_indices=tuple(outputs), drop_path_rate=rate)

        return make_case(
            make, kind="convnext", id=id, outputs=outputs, sizes=sizes,
            architecture={"features": features, "depths": depths}, dilation=False, frozen_stages=-1,
            drop_path_rate=rate, **options,
        )

    yield small("odd", features=[8, 16, 24, 32], depths=[1, 1, 2, 1], outputs=[1, 2, 3], sizes=[[61, 83], [50, 70]])
    yield small("odd_channels", features=[6, 10, 12, 14], depths=[2, 1, 1, 1], outputs=[0, 1, 2, 3],
                sizes=[[47, 64], [33, 39]])
    yield small("one_output", features=[8, 8, 16, 16], depths=[1, 1, 1, 2], outputs=[3], sizes=[[70, 45]])
    yield small("stochastic_depth", features=[8, 8, 12, 16], depths=[1, 2, 2, 1], outputs=[1, 2, 3],
                sizes=[[32, 48], [35, 41], [29, 50]], rate=0.6, training=True)
    name = "convnext_xlarge_22k"
    module = official.build_convnext(name, False, out_indices=(1, 2, 3))
    yield state_case(module, name, backbone=name, dilation=False, return_interm_indices=[1, 2, 3])


def main():
    _, folder, target = sys.argv
    swin, convnext = load_official(folder)
    for name, cases in [("swin", swin_cases(swin)), ("convnext", convnext_cases(convnext))]:
        golden = {"note": "made by make_backbones.py; see README.md", "cases": list(cases)}
        Path(target, f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
