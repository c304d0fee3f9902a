"""Makes layouts.json: what the detectors of detrex, MMDetection and Co-DETR give, and how they call their weights.

    python3 make_layouts.py SOURCES FOLDER

SOURCES has a checkout of each in detrex/, detectron2/, mmcv/, mmdet/ (MMDetection 3) and codetr/ (Co-DETR, with the
MMDetection 2 that it carries); layouts.json is written to FOLDER. Needs PyTorch on the CPU. Their modules run as they are:
what they import and no number depends on is replaced by stand-ins, and the name of the type float32 by that of the type at
hand. Weights and inputs follow FORMULA.md; truth is computed in float64, noise is what PyTorch's float32 differs by.
"""

import contextlib
import importlib.abc
import importlib.machinery
import json
import math
import sys
import types
from collections.abc import Iterable
from pathlib import Path

import torch
from make_backbones import expected, rounded, values_of

# --- modules of checkouts, and stand-ins for all else that they import ------------------------------------------------

DETREX = ["multi_scale_deform_attn", "layer_norm", "box_ops", "transformer", "position_embedding", "mlp", "attention",
          "conv", "shape_spec"]
DETECTRON2 = ["wrappers", "batch_norm", "blocks", "shape_spec"]
MMCV = ["transformer", "conv_module", "conv", "norm", "activation", "drop", "wrappers", "padding", "scale"]
MMDET = ["utils", "detr_layers", "deformable_detr_layers", "dino_layers"]

# Module -> checkout and file. Names that begin with mmdet2 are those of MMDetection 2.
REAL = {
    **{f"detrex.layers.{name}": ("detrex", f"detrex/layers/{name}.py") for name in DETREX},
    "detrex.utils.misc": ("detrex", "detrex/utils/misc.py"),
    "detrex.modeling.neck.channel_mapper": ("detrex", "detrex/modeling/neck/channel_mapper.py"),
    "projects.dino.modeling.dino": ("detrex", "projects/dino/modeling/dino.py"),
    "projects.dino.modeling.dino_transformer": ("detrex", "projects/dino/modeling/dino_transformer.py"),
    **{f"detectron2.layers.{name}": ("detectron2", f"detectron2/layers/{name}.py") for name in DETECTRON2},
    "detectron2.modeling.backbone.backbone": ("detectron2", "detectron2/modeling/backbone/backbone.py"),
    "detectron2.modeling.backbone.resnet": ("detectron2", "detectron2/modeling/backbone/resnet.py"),
    **{f"mmcv.cnn.bricks.{name}": ("mmcv", f"mmcv/cnn/bricks/{name}.py") for name in MMCV},
    "mmcv.ops.multi_scale_deform_attn": ("mmcv", "mmcv/ops/multi_scale_deform_attn.py"),
    **{f"mmdet.models.layers.transformer.{name}": ("mmdet", f"mmdet/models/layers/transformer/{name}.py")
       for name in MMDET},
    "mmdet.models.layers.positional_encoding": ("mmdet", "mmdet/models/layers/positional_encoding.py"),
    "mmdet.models.necks.channel_mapper": ("mmdet", "mmdet/models/necks/channel_mapper.py"),
    **{f"mmdet.models.detectors.{name}": ("mmdet", f"mmdet/models/detectors/{name}.py")
       for name in ["base_detr", "deformable_detr", "dino"]},
    **{f"mmdet.models.dense_heads.{name}": ("mmdet", f"mmdet/models/dense_heads/{name}.py")
       for name in ["detr_head", "deformable_detr_head", "dino_head"]},
    "mmdet2.models.backbones.resnet": ("codetr", "mmdet/models/backbones/resnet.py"),
    "mmdet2.models.backbones.swin": ("codetr", "mmdet/models/backbones/swin.py"),
    "mmdet2.models.utils.transformer": ("codetr", "mmdet/models/utils/transformer.py"),
    "mmdet2.models.utils.res_layer": ("codetr", "mmdet/models/utils/res_layer.py"),
    "codetr.transformer": ("codetr", "projects/models/transformer.py"),
}
# Packages that are not run, and where what is asked of them is.
EXPORTS = {
    "detrex.layers": [f"detrex.layers.{name}" for name in DETREX],
    "detrex.utils": ["detrex.utils.misc"],
    "detectron2.layers": [f"detectron2.layers.{name}" for name in DETECTRON2],
    "mmcv.cnn": ["mmcv.cnn.bricks.conv_module", "mmcv.cnn.bricks.conv", "mmcv.cnn.bricks.norm",
                 "mmcv.cnn.bricks.activation", "mmcv.cnn.bricks.wrappers"],
    "mmcv.ops": ["mmcv.ops.multi_scale_deform_attn"],
    "mmdet.models.layers": ["mmdet.models.layers.transformer.utils", "mmdet.models.layers.positional_encoding",
                            "mmdet.models.layers.transformer.deformable_detr_layers",
                            "mmdet.models.layers.transformer.dino_layers"],
    "mmdet2.models.utils": ["mmdet2.models.utils.res_layer"],
}
STANDING_IN = {name.split(".")[0] for name in REAL} | {"mmengine", "fvcore", "fairscale", "iopath"}


class Meta(type):
    """Whatever is asked of a class that stands in is a decorator that changes nothing."""

    def __getattr__(cls, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **_: args[0] if args and callable(args[0]) else (lambda made: made)


class BaseModule(torch.nn.Module):
    def __init__(self, init_cfg=None, **_):
        super().__init__()

    def init_weights(self):
        pass


class ModuleList(torch.nn.ModuleList):
    def __init__(self, modules=None, init_cfg=None):
        super().__init__(modules)


class Sequential(torch.nn.Sequential):
    def __init__(self, *modules, init_cfg=None):
        super().__init__(*modules)


class ConfigDict(dict):
    def __getattr__(self, name):
        if name not in self:
            raise AttributeError(name)
        return self[name]


class Registry:
    """Classes by name, and objects of them."""

    def __init__(self):
        self.classes = {}

    def register_module(self, name=None, force=False, module=None):
        def register(made):
            for key in [name] if isinstance(name, str) else name or [made.__name__]:
                self.classes[key] = made
            return made

        return register if module is None else register(module)

    def get(self, name):
        return self.classes.get(name)

    @contextlib.contextmanager
    def switch_scope_and_registry(self, _):
        yield self

    def build(self, cfg, default_args=None, **_):
        args = {**cfg, **(default_args or {})}
        made = args.pop("type")
        return (made if isinstance(made, type) else self.classes[made])(**args)

    __call__ = build


MODELS = Registry()
for loss in ("FocalLoss", "L1Loss", "GIoULoss"):
    MODELS.classes[loss] = type(loss, (BaseModule,), {"use_sigmoid": True})


def pair(x):
    """As in MMEngine: what has members, a text among it, is a pair already."""
    return x if isinstance(x, Iterable) else (x, x)


def unchanged(*args, **_):
    """A decorator that changes nothing, with or without arguments."""
    return args[0] if args and callable(args[0]) else (lambda made: made)


KNOWN = {
    "MODELS": MODELS, "BaseModule": BaseModule, "BaseDetector": BaseModule, "ModuleList": ModuleList,
    "Sequential": Sequential, "ConfigDict": ConfigDict, "to_2tuple": pair, "deprecated_api_warning": unchanged,
    "digit_version": lambda text: tuple(int(x) for x in str(text).split("+")[0].split(".")[:2] if x.isdigit()),
    "TORCH_VERSION": (1, 13), "IS_CUDA_AVAILABLE": False, "IS_MLU_AVAILABLE": False, "IS_NPU_AVAILABLE": False,
    "IS_MUSA_AVAILABLE": False, "BACKBONES": MODELS, "TRANSFORMER": MODELS, "TRANSFORMER_LAYER": MODELS,
    "TRANSFORMER_LAYER_SEQUENCE": MODELS, "POSITIONAL_ENCODING": MODELS, "checkpoint_wrapper": unchanged,
    "build_transformer_layer_sequence": MODELS.build, "is_tuple_of": lambda x, kind: isinstance(x, tuple),
    "_BatchNorm": torch.nn.modules.batchnorm._BatchNorm, "_InstanceNorm": torch.nn.modules.instancenorm._InstanceNorm,
    "SyncBatchNorm": torch.nn.SyncBatchNorm, "is_norm": lambda module: False,
    **{name: lambda *_, **__: None for name in [
        "constant_init", "kaiming_init", "xavier_init", "trunc_normal_init", "trunc_normal_", "c2_msra_fill",
        "c2_xavier_fill", "bias_init_with_prob"]},
}


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules of checkouts, and makes others up."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in STANDING_IN:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name not in REAL)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        if name in REAL:
            checkout, file = REAL[name]
            text = (self.folder / checkout / file).read_text()
            text = text.replace("torch.float32", "torch.get_default_dtype()")
            if checkout == "codetr":
                text = text.replace("from mmdet.", "from mmdet2.")
            exec(compile(text, file, "exec"), module.__dict__)
            return

        def missing(attribute):
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            for source in EXPORTS.get(name, []):
                found = getattr(importlib.import_module(source), attribute, None)
                if found is not None:
                    return found
            if attribute in KNOWN:
                return KNOWN[attribute]
            return Meta(attribute, (torch.nn.Module,), {})

        module.__getattr__ = missing
        if name == "fvcore.nn.weight_init":
            module.c2_msra_fill = module.c2_xavier_fill = lambda *_, **__: None


def load(name, *members):
    module = importlib.import_module(name)
    return [getattr(module, member) for member in members]


# --- the detectors ----------------------------------------------------------------------------------------------------

HIDDEN, FEED_FORWARD, QUERIES, CLASSES = 256, 64, 20, 80


def detrex(temperature, offset):
    dino, = load("projects.dino.modeling.dino", "DINO")
    encoder, decoder, transformer = load("projects.dino.modeling.dino_transformer", "DINOTransformerEncoder",
                                         "DINOTransformerDecoder", "DINOTransformer")
    resnet, stem = load("detectron2.modeling.backbone.resnet", "ResNet", "BasicStem")
    positions, = load("detrex.layers.position_embedding", "PositionEmbeddingSine")
    neck, = load("detrex.modeling.neck.channel_mapper", "ChannelMapper")
    spec, = load("detrex.layers.shape_spec", "ShapeSpec")
    sizes = {"res3": 512, "res4": 1024, "res5": 2048}
    coder = {"embed_dim": HIDDEN, "num_heads": 8, "feedforward_dim": FEED_FORWARD, "attn_dropout": 0.0,
             "ffn_dropout": 0.0, "num_feature_levels": 4, "use_checkpoint": False}
    model = dino(
        backbone=resnet(
            stem=stem(in_channels=3, out_channels=64, norm="FrozenBN"),
            stages=resnet.make_default_stages(depth=50, stride_in_1x1=False, norm="FrozenBN"),
            out_features=list(sizes), freeze_at=1,
        ),
        position_embedding=positions(num_pos_feats=HIDDEN // 2, temperature=temperature, normalize=True, offset=offset),
        neck=neck(
            input_shapes={name: spec(channels=size) for name, size in sizes.items()}, in_features=list(sizes),
            out_channels=HIDDEN, num_outs=4, kernel_size=1, norm_layer=torch.nn.GroupNorm(32, HIDDEN),
        ),
        transformer=transformer(
            encoder=encoder(**coder, num_layers=1, post_norm=False),
            decoder=decoder(**coder, num_layers=2, return_intermediate=True),
            num_feature_levels=4, two_stage_num_proposals=QUERIES,
        ),
        embed_dim=HIDDEN, num_classes=CLASSES, num_queries=QUERIES, criterion=torch.nn.Module(), device="cpu",
    )

    def forward(image):
        found = []
        model.preprocess_image = lambda _: types.SimpleNamespace(tensor=image, image_sizes=[image.shape[-2:]])
        model.inference = lambda logits, boxes, _: found.append((logits, boxes)) or []
        model([{}])
        return found[0]

    return model, forward


def mmdet(backbone, temperature, offset):
    load("mmdet2.models.backbones.resnet", "ResNet")
    load("mmdet.models.necks.channel_mapper", "ChannelMapper")
    load("mmdet.models.dense_heads.dino_head", "DINOHead")
    dino, = load("mmdet.models.detectors.dino", "DINO")
    deformable = {"embed_dims": HIDDEN, "num_levels": 4, "dropout": 0.0}
    feed_forward = {"embed_dims": HIDDEN, "feedforward_channels": FEED_FORWARD, "ffn_drop": 0.0}
    model = dino(
        num_queries=QUERIES, with_box_refine=True, as_two_stage=True, num_feature_levels=4,
        backbone=dict(type="ResNet", depth=backbone, num_stages=4, out_indices=(1, 2, 3), frozen_stages=1,
                      norm_cfg=dict(type="BN", requires_grad=False), norm_eval=True, style="pytorch"),
        neck=dict(type="ChannelMapper", in_channels=[512, 1024, 2048], kernel_size=1, out_channels=HIDDEN, act_cfg=None,
                  norm_cfg=dict(type="GN", num_groups=32), num_outs=4),
        encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=deformable, ffn_cfg=feed_forward)),
        decoder=dict(num_layers=2, return_intermediate=True, post_norm_cfg=None, layer_cfg=dict(
            self_attn_cfg=dict(embed_dims=HIDDEN, num_heads=8, dropout=0.0), cross_attn_cfg=deformable,
            ffn_cfg=feed_forward)),
        positional_encoding=dict(num_feats=HIDDEN // 2, normalize=True, offset=offset, temperature=temperature),
        bbox_head=dict(type="DINOHead", num_classes=CLASSES, sync_cls_avg_factor=True,
                       loss_cls=dict(type="FocalLoss", use_sigmoid=True), loss_bbox=dict(type="L1Loss"),
                       loss_iou=dict(type="GIoULoss")),
        dn_cfg=dict(label_noise_scale=0.5, box_noise_scale=1.0,
                    group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=100)),
    )

    def forward(image):
        size = tuple(image.shape[-2:])
        sample = types.SimpleNamespace(metainfo={"batch_input_shape": size, "img_shape": size}, img_shape=size,
                                       batch_input_shape=size)
        found = model.forward_transformer(model.neck(model.backbone(image)), [sample])
        logits, boxes = model.bbox_head(found["hidden_states"], found["references"])
        return logits[-1], boxes[-1]

    return model, forward


class CoDino(torch.nn.Module):
    """Co-DINO without what it has for training; its head is read, and its transformer run."""

    def __init__(self):
        super().__init__()
        resnet, = load("mmdet2.models.backbones.resnet", "ResNet")
        neck, = load("mmdet.models.necks.channel_mapper", "ChannelMapper")
        load("mmcv.cnn.bricks.transformer", "BaseTransformerLayer")
        load("mmcv.ops.multi_scale_deform_attn", "MultiScaleDeformableAttention")
        load("mmdet2.models.utils.transformer", "DetrTransformerDecoderLayer")
        transformer, = load("codetr.transformer", "CoDinoTransformer")
        self.positions, = load("mmdet.models.layers.positional_encoding", "SinePositionalEncoding")
        self.backbone = resnet(depth=18, num_stages=4, out_indices=(0, 1, 2, 3), norm_eval=True, style="pytorch")
        self.neck = neck(in_channels=[64, 128, 256, 512], kernel_size=1, out_channels=HIDDEN, num_outs=5,
                         norm_cfg=dict(type="GN", num_groups=32), act_cfg=None)
        deformable = dict(type="MultiScaleDeformableAttention", embed_dims=HIDDEN, num_levels=5, dropout=0.0)
        layer = dict(feedforward_channels=FEED_FORWARD, ffn_dropout=0.0)
        head = torch.nn.Module()
        head.transformer = transformer(
            with_pos_coord=True, with_coord_feat=False, num_co_heads=2, num_feature_levels=5, as_two_stage=True,
            two_stage_num_proposals=QUERIES,
            encoder=dict(type="DetrTransformerEncoder", num_layers=1, transformerlayers=dict(
                type="BaseTransformerLayer", attn_cfgs=deformable, **layer,
                operation_order=("self_attn", "norm", "ffn", "norm"))),
            decoder=dict(type="DinoTransformerDecoder", num_layers=2, return_intermediate=True, transformerlayers=dict(
                type="DetrTransformerDecoderLayer", **layer,
                attn_cfgs=[dict(type="MultiheadAttention", embed_dims=HIDDEN, num_heads=8, dropout=0.0), deformable],
                operation_order=("self_attn", "norm", "cross_attn", "norm", "ffn", "norm"))),
        )
        head.cls_branches = torch.nn.ModuleList(torch.nn.Linear(HIDDEN, CLASSES) for _ in range(3))
        head.reg_branches = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, HIDDEN),
                                torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 4)) for _ in range(3))
        head.label_embedding = torch.nn.Embedding(CLASSES, HIDDEN)
        head.downsample = torch.nn.Sequential(torch.nn.Conv2d(HIDDEN, HIDDEN, 3, 2, 1), torch.nn.GroupNorm(32, HIDDEN))
        self.query_head = head

    def run(self, image):
        positions = self.positions(num_feats=HIDDEN // 2, temperature=20, normalize=True)
        maps = self.neck(self.backbone(image))
        masks = [torch.zeros(1, *x.shape[-2:], dtype=torch.bool) for x in maps]
        head = self.query_head
        hidden, references, *_ = head.transformer(
            maps, masks, None, [positions(mask) for mask in masks], None, None, None,
            reg_branches=head.reg_branches, cls_branches=head.cls_branches,
        )
        last = hidden[-1].permute(1, 0, 2)
        before = references[len(hidden) - 1].clamp(0, 1)
        inverse = torch.log(before.clamp(min=1e-3) / (1 - before).clamp(min=1e-3))
        return head.cls_branches[1](last), (head.reg_branches[1](last) + inverse).sigmoid()


def co_dino():
    model = CoDino()
    return model, model.run


# --- what is written --------------------------------------------------------------------------------------------------


def weight_spec(key, shape, prefix):
    """Distribution of a weight: outputs of about unit size, and every part of the network matters."""
    kind, scale, offset = "sym", 0.1, 0.0
    if key.endswith("running_var"):
        kind, scale, offset = "uni", 1.0, 0.5
    elif key.endswith("relative_position_bias_table"):
        scale = 0.5
    elif len(shape) >= 2:
        scale = math.sqrt(3 / math.prod(shape[1:]))
    elif key.endswith("weight"):
        offset = 1.0
    return {"name": f"{prefix}/{key}", "shape": list(shape), "kind": kind, "scale": scale, "offset": offset}


def specs_of(model, prefix):
    """By name; a tensor with several names is the same under each."""
    first, specs = {}, {}
    for key, x in model.state_dict().items():
        if not x.is_floating_point():
            continue
        first.setdefault(x.data_ptr() if x.numel() else key, key)
        specs[key] = weight_spec(first[x.data_ptr()], x.shape, prefix)
    return specs


def fill(model, specs, dtype):
    made = {}
    for key, spec in specs.items():
        name = spec["name"]
        made.setdefault(name, values_of(spec).to(dtype))
    model.to(dtype).load_state_dict({key: made[spec["name"]] for key, spec in specs.items()}, strict=False)
    model.eval()


def detector_case(id, program, make, *, size, levels, outputs, backbone, positions):
    prefix = f"layouts/{id}"
    image = {"name": f"{prefix}/image", "shape": [3, *size], "kind": "uni", "scale": 4.0, "offset": -2.0}
    found = []
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        model, forward = make()
        specs = specs_of(model, prefix)
        fill(model, specs, dtype)
        with torch.no_grad():
            found.append(forward(values_of(image).to(dtype)[None]))
        torch.set_default_dtype(torch.float32)
    (logits, boxes), (near_logits, near_boxes) = found
    state = model.state_dict()
    return {
        "id": id, "program": program, "backbone": backbone, "levels": levels, "outputs": outputs, "positions": positions,
        "hidden_dim": HIDDEN, "dim_feedforward": FEED_FORWARD, "num_queries": QUERIES, "num_classes": CLASSES,
        "enc_layers": 1, "dec_layers": 2,
        "params": [[key, s["name"], s["shape"], s["kind"], s["scale"], s["offset"]] for key, s in specs.items()],
        "integers": [[key, list(x.shape)] for key, x in state.items() if not x.is_floating_point()],
        "inputs": {"image": image},
        "expected": {"logits": expected(f"{prefix}/logits", logits, near_logits),
                     "boxes": expected(f"{prefix}/boxes", boxes, near_boxes)},
    }


def swin_case():
    """MMDetection's Swin transformer, small: what matters is how it merges patches."""
    prefix, size = "layouts/mmdet-swin", [61, 83]
    image = {"name": f"{prefix}/image", "shape": [3, *size], "kind": "uni", "scale": 4.0, "offset": -2.0}
    found = []
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        load("mmcv.cnn.bricks.transformer", "FFN")
        swin, = load("mmdet2.models.backbones.swin", "SwinTransformer")
        holder = torch.nn.Module()
        holder.backbone = swin(embed_dims=8, depths=(1, 2, 2, 1), num_heads=(2, 2, 4, 4), window_size=3,
                               out_indices=(1, 2, 3), drop_path_rate=0.0)
        specs = specs_of(holder, prefix)
        fill(holder, specs, dtype)
        with torch.no_grad():
            found.append(holder.backbone(values_of(image).to(dtype)[None]))
        torch.set_default_dtype(torch.float32)
    integers = [[key, x.flatten().tolist()] for key, x in holder.state_dict().items() if not x.is_floating_point()]
    return {
        "id": "mmdet-swin", "program": "mmdet",
        "architecture": {"features": 8, "depths": [1, 2, 2, 1], "heads": [2, 2, 4, 4], "window": 3},
        "params": [[key, s["name"], s["shape"], s["kind"], s["scale"], s["offset"]] for key, s in specs.items()],
        "integers": integers, "inputs": {"image": image},
        "expected": {f"feature_{stage}": expected(f"{prefix}/feature_{stage}", x, y)
                     for stage, x, y in zip((1, 2, 3), *found)},
    }


def main():
    _, folder, target = sys.argv
    sys.meta_path.insert(0, Sources(folder))
    centres, edges = [10000, -0.5], [20, 0]
    common = dict(size=[96, 128], levels=4, outputs=[1, 2, 3], backbone="resnet50")
    detectors = [
        detector_case("detrex-centres", "detrex", lambda: detrex(*centres), positions=centres, **common),
        detector_case("detrex-edges", "detrex", lambda: detrex(*edges), positions=edges, **common),
        detector_case("mmdet-edges", "mmdet", lambda: mmdet(50, *edges), positions=edges, **common),
        detector_case("mmdet-centres", "mmdet", lambda: mmdet(50, *centres), positions=centres, **common),
        detector_case("co-dino", "co-dino", co_dino, size=[64, 96], levels=5, outputs=[0, 1, 2, 3], backbone="resnet18",
                      positions=edges),
    ]
    golden = {"note": "made by make_layouts.py; see README.md", "detectors": detectors, "swin": swin_case()}
    Path(target, "layouts.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    for case in [*detectors, golden["swin"]]:
        noise = {name: rounded(x["noise_abs"], 3) for name, x in case["expected"].items()}
        print(case["id"], len(case["params"]), noise)


if __name__ == "__main__":
    main()
