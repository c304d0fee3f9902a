"""
Makes the official checkpoints of this folder's tests with the official code itself: its model (with a small backbone in
the place of its ResNet), its parameter groups, PyTorch's optimizer and schedulers, its moving average, torch.save.

    python3 make_official_checkpoints.py DINO_FOLDER

writes fixtures/*.pth.gz and fixtures/official_expected.json: what the next optimizer step makes of every parameter. The
gradients follow a formula of name, row and step, so that both sides can do the same steps. Weights are rounded to eight
bits of mantissa before saving, which keeps the files small. Needs PyTorch; `deno fmt` then lays out the JSON.
"""
import argparse
import gzip
import importlib.abc
import importlib.machinery
import io
import json
import os
import sys
import types

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
OFFICIAL = sys.argv[1]
sys.path.insert(0, OFFICIAL)


class Absent(types.ModuleType):
    """Stands for what the official code imports and does not need to build this model."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    ROOTS = {"MultiScaleDeformableAttention", "timm", "scipy", "pycocotools", "panopticapi", "addict", "yapf", "cv2"}

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.split(".")[0] in self.ROOTS else None

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(AbsentFinder())

from models.dino import dino as official  # noqa: E402
from util.get_param_dicts import get_param_dict  # noqa: E402
from util.utils import ModelEma  # noqa: E402

STEPS_PER_EPOCH = 3
# name: (changes to the configuration, epochs done, whether there is an average)
CASES = {
    "official_step": ({"lr_drop": 2, "param_dict_type": "default", "use_ema": True}, 2),
    "official_multi_step": (
        {"multi_step_lr": True, "lr_drop_list": [1, 3], "param_dict_type": "ddetr_in_mmdet"},
        1,
    ),
    "official_one_cycle": ({"onecyclelr": True, "param_dict_type": "large_wd"}, 2),
}


class Block(nn.Module):
    def __init__(self, inside, outside, stride, groups):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.GroupNorm(groups, outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.GroupNorm(groups, outside)
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.GroupNorm(groups, outside)
            )


class Body(nn.Module):
    """The names of resnet_small."""

    def __init__(self, args):
        super().__init__()
        stem, widths = args.backbone_stem_width, args.backbone_widths
        group = args.norm_group_channels
        self.conv1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.GroupNorm(stem // group, stem)
        inside = stem
        for stage, (width, depth) in enumerate(zip(widths, args.backbone_depths)):
            blocks = [Block(inside if i == 0 else width, width, 2 if i == 0 else 1, width // group) for i in range(depth)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            inside = width


class Backbone(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.body = Body(args)


def build_backbone(args):
    joined = nn.Sequential(Backbone(args), nn.Identity())
    joined.num_channels = args.backbone_widths[-len(args.return_interm_indices):]
    return joined


official.build_backbone = build_backbone


def arguments(changes):
    values = {}
    for name in ["coco_transformer.py", "DINO_4scale.py"]:
        with open(os.path.join(OFFICIAL, "config/DINO", name)) as file:
            exec(file.read(), {}, values)
    values.pop("_base_", None)
    with open(os.path.join(HERE, "fixtures", "official_config.json")) as file:
        values.update(json.load(file))
    values.update(changes)
    # Flags of the official command line that a Namespace holds beside the configuration.
    return argparse.Namespace(**values, device="cpu", output_dir="", resume="", seed=42, num_workers=10, world_size=1)


def gradient(name, shape, step):
    """Constant along a row; exact in float32."""
    seed = sum(name.encode()) + 3 * step
    rows = [((seed + 7 * row) % 17 - 8) / 64 for row in range(shape[0] if shape else 1)]
    values = torch.tensor(rows, dtype=torch.float32)
    return values.reshape([-1] + [1] * (len(shape) - 1)).expand(shape).clone()


def rounded(state):
    """Values with the precision of bfloat16; tensors with several names stay one tensor."""
    for tensor in state.values():
        tensor.copy_(tensor.bfloat16().float())


def schedule(args, optimizer):
    """As in main.py."""
    if args.onecyclelr:
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=args.lr, steps_per_epoch=STEPS_PER_EPOCH, epochs=args.epochs, pct_start=0.2
        )
    if args.multi_step_lr:
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=args.lr_drop_list)
    return torch.optim.lr_scheduler.StepLR(optimizer, args.lr_drop)


def step(model, optimizer, number):
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.grad = gradient(name, list(parameter.shape), number)
    optimizer.step()


def rates_of(optimizer):
    return [group["lr"] for group in optimizer.param_groups] + [optimizer.param_groups[0]["betas"][0]]


def make(name, changes, epochs_done):
    torch.manual_seed(0)
    args = arguments(changes)
    model, _, _ = official.build_dino(args)
    optimizer = torch.optim.AdamW(get_param_dict(args, model), lr=args.lr, weight_decay=args.weight_decay)
    scheduler = schedule(args, optimizer)
    average = ModelEma(model, args.ema_decay) if args.use_ema else None
    number = 0
    for _ in range(epochs_done):
        for _ in range(STEPS_PER_EPOCH):
            step(model, optimizer, number)
            number += 1
            if args.onecyclelr:
                scheduler.step()
            if average:
                average.update(model)
        if not args.onecyclelr:
            scheduler.step()
    with torch.no_grad():
        rounded(model.state_dict())
        if average:
            rounded(average.module.state_dict())
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": scheduler.state_dict(),
        "epoch": epochs_done - 1,
        "args": args,
    }
    if average:
        content["ema_model"] = average.module.state_dict()
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with open(os.path.join(HERE, "fixtures", f"{name}.pth.gz"), "wb") as file:
        file.write(gzip.compress(buffer.getvalue(), 9, mtime=0))
    rates = [rates_of(optimizer)]
    step(model, optimizer, number)
    left = (args.epochs - epochs_done) * (STEPS_PER_EPOCH if args.onecyclelr else 1)
    for _ in range(left - 1):
        scheduler.step()
        rates.append(rates_of(optimizer))
    trained = [(key, parameter) for key, parameter in model.named_parameters() if parameter.requires_grad]
    return {
        "epoch": epochs_done,
        "step": number,
        "steps_per_epoch": STEPS_PER_EPOCH,
        # learning rates of all groups and beta1, from there on: step by step with one cycle, else epoch by epoch
        "rates": rates,
        "groups": [len(group["params"]) for group in optimizer.param_groups],
        # first and last element, and the sum of all, after the next step
        "parameters": {
            key: [parameter.flatten()[0].item(), parameter.flatten()[-1].item(), parameter.double().sum().item()]
            for key, parameter in trained
        },
    }


expected = {name: make(name, *case) for name, case in CASES.items()}
with open(os.path.join(HERE, "fixtures", "official_expected.json"), "w") as file:
    json.dump(expected, file)
    file.write("\n")
