/**
 * The published checkpoints that are known by name. Addresses, AP and digests are copied from the pages that `source`
 * names; `unchecked` says what of it nobody of this project has looked at.
 */
import type { ConfigObject, PresetName } from "../config/mod.ts";
import { CENTRES, FAR_EDGES } from "../weights/mod.ts";
import type { Unchecked, ZooEntry } from "./entry.ts";

/** The entry that is taken where none is named. */
export const DEFAULT_ENTRY = "dino-r50-4scale-24ep";

/** What an entry says of its model. */
interface Model {
  readonly title: string;
  readonly preset: PresetName;
  readonly changes: ConfigObject;
  readonly megabytes: number;
}

/** All of these have a head of its own for each layer and for the encoder. */
const OWN_HEADS: ConfigObject = { dec_pred_bbox_embed_share: false, dec_pred_class_embed_share: false };

const model = (title: string, megabytes: number, changes: ConfigObject, preset: PresetName = "DINO_4scale"): Model => ({
  ...{ title, megabytes, preset },
  changes: { ...OWN_HEADS, ...changes },
});

const R50 = model("ResNet-50", 191, {});
const R50_5 = model("ResNet-50, 5 scales", 193, {}, "DINO_5scale");
const R101 = model("ResNet-101", 267, { backbone: "resnet101" });
const SWIN_T = model("Swin-T", 193, { backbone: "swin_T_224_1k" });
const SWIN_S = model("Swin-S", 278, { backbone: "swin_S_224_1k" });
const SWIN_B = model("Swin-B", 435, { backbone: "swin_B_384_22k" });
const SWIN_L_224 = model("Swin-L, window 7", 871, { backbone: "swin_L_224_22k" });
const SWIN_L = model("Swin-L", 874, { backbone: "swin_L_384_22k" });
const SWIN_L_5 = model("Swin-L, 5 scales", 875, { backbone: "swin_L_384_22k" }, "DINO_5scale");
const CONVNEXT_T = model("ConvNeXt-T", 194, { backbone: "convnext_tiny_1k" });
const CONVNEXT_S = model("ConvNeXt-S", 281, { backbone: "convnext_small_1k" });
const CONVNEXT_B = model("ConvNeXt-B", 436, { backbone: "convnext_base_1k" });
const CONVNEXT_L = model("ConvNeXt-L", 876, { backbone: "convnext_large_1k" });

const UNCHECKED: readonly Unchecked[] = ["address", "size", "contents", "ap"];

/** What differs between entries of one publisher. */
interface Row {
  readonly name: string;
  readonly file: string;
  readonly model: Model;
  readonly training: string;
  readonly ap: number;
  /** Default: as most of its publisher's. */
  readonly positions?: ConfigObject;
  /** Laid over the model's configuration. */
  readonly changes?: ConfigObject;
  readonly note?: string;
}

function detrex({ name, file, model, training, ap, positions = CENTRES, note }: Row): ZooEntry {
  const { title, preset, changes, megabytes } = model;
  return {
    name,
    about: `DINO, ${title}, ${training}`,
    url: `https://github.com/IDEA-Research/detrex-storage/releases/download/${file}`,
    ...{ layout: "detrex", preset, preprocessing: "detrex", classes: "coco" } as const,
    changes: { ...changes, ...positions },
    ...{ ap, megabytes },
    licence: "Apache-2.0",
    source: "https://github.com/IDEA-Research/detrex/tree/main/projects/dino",
    digest: null,
    unchecked: UNCHECKED,
    ...(note === undefined ? {} : { note }),
  };
}

const MMDET = "https://download.openmmlab.com/mmdetection/v3.0";

/** The last digits of these files' names are the first of their SHA-256. */
function mmdet({ name, file, model, training, ap, positions = FAR_EDGES, changes, note }: Row): ZooEntry {
  const isCoDino = name.startsWith("co-dino");
  return {
    name,
    about: `${isCoDino ? "Co-DINO" : "DINO"}, ${model.title}, ${training}`,
    url: file.startsWith("https:") ? file : `${MMDET}/${file}`,
    ...{
      layout: isCoDino ? "co-dino" : "mmdet",
      preset: model.preset,
      preprocessing: "mmdet",
      classes: "coco",
    } as const,
    changes: { ...model.changes, ...positions, ...changes },
    ap,
    megabytes: isCoDino ? null : model.megabytes, // further heads, of use in training alone, are in the file
    licence: "Apache-2.0",
    source: `https://github.com/open-mmlab/mmdetection/tree/main/${isCoDino ? "projects/CO-DETR" : "configs/dino"}`,
    digest: /-([0-9a-f]{8})\.pth$/.exec(file)?.[1] ?? null,
    unchecked: ["digest", ...UNCHECKED],
    ...(note === undefined ? {} : { note }),
  };
}

const SOFT_NMS = "published AP is with soft-NMS, without which it is about 0.2 less";

export const ENTRIES: readonly ZooEntry[] = [
  detrex({
    ...{ name: DEFAULT_ENTRY, file: "v0.1.1/dino_r50_4scale_24ep.pth", model: R50, training: "24 epochs" },
    ...{ ap: 50.6, positions: FAR_EDGES },
  }),
  mmdet({
    ...{ name: "dino-r50-4scale-12ep", model: R50, training: "12 epochs", ap: 49.0 },
    file: "dino/dino-4scale_r50_8xb2-12e_coco/dino-4scale_r50_8xb2-12e_coco_20221202_182705-55b2bba2.pth",
  }),
  mmdet({
    ...{ name: "dino-r50-4scale-12ep-improved", model: R50, training: "12 epochs, improved", ap: 50.1 },
    file: "dino/dino-4scale_r50_improved_8xb2-12e_coco/" +
      "dino-4scale_r50_improved_8xb2-12e_coco_20230818_162607-6f47a913.pth",
    positions: CENTRES,
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-detrex", file: "v0.2.0/dino_r50_4scale_12ep_49_2AP.pth" },
    ...{ model: R50, training: "12 epochs", ap: 49.2 },
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-300dn", file: "v0.2.0/dino_r50_4scale_12ep_300dn.pth" },
    ...{ model: R50, training: "12 epochs, 300 denoising queries", ap: 49.5 },
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-ema", file: "v0.3.0/dino_r50_4scale_12ep_with_ema.pth" },
    ...{ model: R50, training: "12 epochs, averaged", ap: 49.4 },
    note: "the averaged weights may be beside the others, as ema_state",
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-hacked", file: "v0.4.0/dino_r50_4scale_12ep_hacked_trainer.pth" },
    ...{ model: R50, training: "12 epochs, another trainer", ap: 49.4 },
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-cw2", model: R50, training: "12 epochs, class weight 2", ap: 49.8 },
    file: "v0.4.0/dino_r50_4scale_12ep_backbone_2e-5_class_weight_2.0.pth",
  }),
  detrex({
    ...{ name: "dino-r50-4scale-12ep-cw2-300dn", model: R50, ap: 50.0 },
    training: "12 epochs, class weight 2, 300 denoising queries",
    file: "v0.4.0/dino_r50_4scale_12ep_backbone_2e-5_class_weight_2.0_300dn.pth",
  }),
  detrex({
    ...{ name: "dino-r50-5scale-12ep", file: "v0.2.1/dino_r50_5scale_12ep.pth" },
    ...{ model: R50_5, training: "12 epochs", ap: 49.6 },
  }),
  detrex({
    ...{ name: "dino-r101-4scale-12ep", file: "v0.1.1/dino_r101_4scale_12ep.pth" },
    ...{ model: R101, training: "12 epochs", ap: 50.0 },
  }),
  detrex({
    ...{ name: "dino-swin-t-4scale-12ep", file: "v0.1.1/dino_swin_tiny_224_4scale_12ep.pth" },
    ...{ model: SWIN_T, training: "12 epochs", ap: 51.3 },
  }),
  detrex({
    ...{ name: "dino-swin-t-22k-4scale-12ep", model: SWIN_T, training: "ImageNet-22k, 12 epochs", ap: 52.5 },
    file: "v0.1.1/dino_swin_tiny_224_22kto1k_finetune_4scale_12ep.pth",
  }),
  detrex({
    ...{ name: "dino-swin-s-4scale-12ep", file: "v0.1.1/dino_swin_small_224_4scale_12ep.pth" },
    ...{ model: SWIN_S, training: "12 epochs", ap: 53.0 },
  }),
  detrex({
    ...{ name: "dino-swin-s-22k-4scale-12ep", file: "v0.4.0/dino_swin_small_22k_4scale_12ep.pth" },
    ...{ model: SWIN_S, training: "ImageNet-22k, 12 epochs", ap: 54.5 },
  }),
  detrex({
    ...{ name: "dino-swin-b-4scale-12ep", file: "v0.1.1/dino_swin_base_384_4scale_12ep.pth" },
    ...{ model: SWIN_B, training: "12 epochs", ap: 55.8 },
  }),
  detrex({
    ...{ name: "dino-swin-l-224-4scale-12ep", file: "v0.1.1/dino_swin_large_224_4scale_12ep.pth" },
    ...{ model: SWIN_L_224, training: "12 epochs", ap: 56.9 },
  }),
  detrex({
    ...{ name: "dino-swin-l-4scale-12ep", file: "v0.1.1/dino_swin_large_4scale_12ep.pth" },
    ...{ model: SWIN_L, training: "12 epochs", ap: 56.9 },
  }),
  detrex({
    ...{ name: "dino-swin-l-4scale-36ep", file: "v0.2.0/dino_swin_large_384_4scale_36ep.pth" },
    ...{ model: SWIN_L, training: "36 epochs", ap: 58.1 },
  }),
  detrex({
    ...{ name: "dino-swin-l-5scale-12ep", file: "v0.2.1/dino_swin_large_384_5scale_12ep.pth" },
    ...{ model: SWIN_L_5, training: "12 epochs", ap: 57.5 },
  }),
  detrex({
    ...{ name: "dino-swin-l-5scale-36ep", file: "v0.2.1/dino_swin_large_384_5scale_36ep.pth" },
    ...{ model: SWIN_L_5, training: "36 epochs", ap: 58.5 },
  }),
  mmdet({
    ...{ name: "dino-swin-l-5scale-12ep-mmdet", model: SWIN_L_5, training: "12 epochs", ap: 57.2 },
    file: "dino/dino-5scale_swin-l_8xb2-12e_coco/dino-5scale_swin-l_8xb2-12e_coco_20230228_072924-a654145f.pth",
  }),
  {
    ...mmdet({
      ...{ name: "dino-swin-l-5scale-36ep-mmdet", model: SWIN_L_5, training: "36 epochs", ap: 58.4 },
      file: "https://github.com/RistoranteRist/mmlab-weights/releases/download/dino-swinl/" +
        "dino-5scale_swin-l_8xb2-36e_coco-5486e051.pth",
      note: "published by a contributor of MMDetection, whose page links to it",
    }),
    licence: null,
  },
  ...([
    ["t", CONVNEXT_T, "tiny", 51.4, 52.4],
    ["s", CONVNEXT_S, "small", 52.0, 54.2],
    ["b", CONVNEXT_B, "base", 52.6, 55.1],
    ["l", CONVNEXT_L, "large", 53.4, 55.5],
  ] as const).flatMap(([letter, model, size, ap, ap22k]) => [
    detrex({
      ...{ name: `dino-convnext-${letter}-4scale-12ep`, model, training: "12 epochs", ap },
      file: `v0.4.0/dino_convnext_${size}_1k_4scale_12ep.pth`,
    }),
    detrex({
      ...{ name: `dino-convnext-${letter}-22k-4scale-12ep`, model, training: "ImageNet-22k, 12 epochs", ap: ap22k },
      file: `v0.4.0/dino_convnext_${size}_384_4scale_12ep.pth`,
    }),
  ]),
  mmdet({
    ...{ name: "co-dino-r50-5scale-12ep", file: "codetr/co_dino_5scale_r50_1x_coco-7481f903.pth" },
    ...{ model: R50_5, training: "12 epochs", ap: 52.1, note: SOFT_NMS },
  }),
  mmdet({
    ...{ name: "co-dino-swin-l-5scale-12ep", file: "codetr/co_dino_5scale_swin_large_1x_coco-27c13da4.pth" },
    ...{ model: SWIN_L_5, training: "12 epochs", ap: 58.9, note: SOFT_NMS },
  }),
  mmdet({
    ...{ name: "co-dino-swin-l-5scale-36ep", file: "codetr/co_dino_5scale_swin_large_3x_coco-d7a6d8af.pth" },
    ...{ model: SWIN_L_5, training: "36 epochs", ap: 60.0, note: SOFT_NMS },
  }),
  {
    ...mmdet({
      ...{ name: "co-dino-swin-l-o365", file: "codetr/co_dino_5scale_swin_large_16e_o365tococo-614254c9.pth" },
      ...{ model: SWIN_L_5, training: "Objects365, then 16 epochs", ap: 64.1, note: SOFT_NMS },
      changes: { data_aug_scales: [1280], data_aug_max_size: 2048 },
    }),
    digest: "614254c94b57acbff6a4448f7aa5d6315f8483b115438796e2606ce7a62712fe",
  },
];
