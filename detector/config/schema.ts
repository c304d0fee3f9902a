/**
 * The table of all config keys: type, range, default (that of the official DINO-4scale), meaning, group, and whether any
 * code reads them. Keys marked + are dinograd's own; all others are official.
 */
import { BACKBONES } from "./backbones.ts";
import {
  CHANNEL_ORDERS,
  type ConfigKey,
  type DataConfig,
  type DinoConfig,
  type ModelConfig,
  NORMS,
  type OptimizerConfig,
  RESIZE_FILTERS,
  RESIZE_RULES,
  type RuntimeConfig,
  type UnusedConfig,
} from "./dino_config.ts";
import {
  boolean,
  channels,
  CONFIG_GROUPS,
  type ConfigGroup,
  integer,
  integers,
  type KeySpec,
  later,
  leftOut,
  number,
  numbers,
  oneOf,
  optional,
  text,
  texts,
  unused,
} from "./key_spec.ts";
import { isConfigList } from "./values.ts";

/**
 * A spec for every key of a group, each of the key's own type.
 *
 * @category Configuration
 */
export type ConfigTable<Config> = {
  readonly [K in keyof Config]: KeySpec<Config[K] extends infer V extends KeySpec["default"] ? V : never>;
};

const MODEL_KEYS: ConfigTable<ModelConfig> = {
  modelname: leftOut("dino", "other model"),
  num_classes: integer(91, "largest category id + 1, not the number of categories", { min: 1, max: 100_000 }),
  backbone: oneOf(
    BACKBONES,
    "resnet50",
    "the feature extractor; resnet18, resnet_small and swin_S_224_1k are dinograd's own",
  ),
  norm: oneOf(NORMS, "frozen_batch_norm", "+ normalisation in a ResNet; the official one is frozen batch norm"),
  norm_group_channels: integer(16, "+ channels per group where norm is group_norm", { min: 1, max: 8192 }),
  backbone_stem_width: integer(32, "+ channels after the 3x3 stem of resnet_small", { min: 1, max: 8192 }),
  backbone_widths: integers([32, 64, 128, 256], "+ channels of the four stages of resnet_small", {
    min: 1,
    max: 8192,
  }),
  backbone_depths: integers([1, 2, 2, 2], "+ blocks of the four stages of resnet_small", { min: 1, max: 256 }),
  backbone_drop_path_rate: optional(
    number(0, "+ stochastic depth of the last block; by default 0.2 in a Swin transformer, 0 in a ConvNeXt", {
      min: 0,
      below: 1,
    }),
  ),
  dilation: boolean(false, "dilate the last stage instead of halving its resolution"),
  return_interm_indices: {
    ...integers([1, 2, 3], "backbone stages that feed the transformer", { min: 0, max: 3 }),
    expects: "[0, 1, 2, 3], [1, 2, 3] or [3]",
    read: (value) => [[0, 1, 2, 3], [1, 2, 3], [3]].find((list) => list.join() === [value].flat().join()),
  },
  position_embedding: oneOf(
    ["sine", "v2"],
    "sine",
    "image position embedding; both names mean sine, a learned one is left out",
  ),
  pe_temperatureH: number(20, "temperature of the vertical sine embedding", { above: 0 }),
  pe_temperatureW: number(20, "temperature of the horizontal sine embedding", { above: 0 }),
  pe_offset: number(0, "+ added to the number of a row or column, from 1 on, before it is embedded", {
    min: -1,
    max: 1,
  }),
  enc_layers: integer(6, "encoder layers", { min: 0, max: 100 }),
  dec_layers: integer(6, "decoder layers", { min: 1, max: 100 }),
  unic_layers: leftOut(0, "unified encoder-decoder"),
  pre_norm: leftOut(false, "normalisation before the attention"),
  dim_feedforward: integer(2048, "width inside the feed-forward blocks", { min: 1, max: 65_536 }),
  hidden_dim: integer(256, "width of the transformer", { min: 1, max: 8192 }),
  dropout: number(0, "probability of dropping, in the transformer", { min: 0, below: 1 }),
  nheads: integer(8, "attention heads", { min: 1, max: 1024 }),
  num_queries: integer(900, "queries, each of which can be one object; an image needs as many tokens", {
    min: 1,
    max: 20_000,
  }),
  query_dim: leftOut(4, "queries other than boxes"),
  num_patterns: leftOut(0, "anchor patterns"),
  random_refpoints_xy: leftOut(false, "random reference points"),
  fix_refpoints_hw: leftOut(-1, "fixed anchor sizes"),
  use_deformable_box_attn: leftOut(false, "box attention"),
  dec_layer_number: leftOut(null, "layers with fewer queries than others"),
  num_feature_levels: integer(4, "feature levels: the backbone's and, beyond them, stride-2 convolutions", {
    min: 1,
    max: 10,
  }),
  enc_n_points: integer(4, "sampling points per head and level in the encoder", { min: 1, max: 64 }),
  dec_n_points: integer(4, "sampling points per head and level in the decoder", { min: 1, max: 64 }),
  decoder_layer_noise: leftOut(false, "noise on the decoder's boxes"),
  add_channel_attention: leftOut(false, "channel attention"),
  add_pos_value: leftOut(false, "positions in attention values"),
  two_stage_type: leftOut("standard", "decoder without encoder proposals"),
  two_stage_pat_embed: leftOut(0, "pattern embeddings of proposals"),
  two_stage_add_query_num: leftOut(0, "learned queries beside the proposals"),
  two_stage_bbox_embed_share: boolean(false, "the encoder's box head is the decoder's"),
  two_stage_class_embed_share: boolean(false, "the encoder's class head is the decoder's"),
  two_stage_learn_wh: boolean(false, "learn the size of the encoder's proposals"),
  two_stage_keep_all_tokens: leftOut(false, "output of all encoder tokens"),
  num_select: integer(300, "detections kept per image", { min: 1 }),
  nms_iou_threshold: number(-1, "non-maximum suppression at this overlap; off at 0 or below", { max: 1 }),
  clip_boxes: boolean(
    false,
    "+ cut boxes at the edges of the image, and leave out those of which nothing remains",
  ),
  transformer_activation: oneOf(["relu", "gelu"], "relu", "activation in the feed-forward blocks"),
  masks: leftOut(false, "mask or panoptic segmentation"),
  frozen_weights: leftOut(null, "mask or panoptic segmentation"),
  decoder_sa_type: leftOut("sa", "label or content attention in place of self-attention"),
  decoder_module_seq: {
    ...texts(["sa", "ca", "ffn"], "order of self-attention, cross-attention and feed-forward in a decoder layer"),
    expects: "an order of 'sa', 'ca' and 'ffn'",
    read: (value) => {
      const names = isConfigList(value) ? value.filter((name) => typeof name === "string") : [];
      return names.toSorted().join() === "ca,ffn,sa" ? names : undefined;
    },
  },
  dec_pred_bbox_embed_share: boolean(true, "one box head for all decoder layers"),
  dec_pred_class_embed_share: boolean(true, "one class head for all decoder layers"),
  embed_init_tgt: boolean(true, "learned content queries (mixed query selection)"),
  dn_labelbook_size: integer(
    91,
    "label embeddings - 1; at least the largest label, and num_classes where it is not given",
    {
      min: 1,
      max: 100_000,
    },
  ),
  use_detached_boxes_dec_out: boolean(false, "detach boxes between decoder layers: no look forward twice"),
};

const OPTIMIZER_KEYS: ConfigTable<OptimizerConfig> = {
  optimizer: oneOf(["adamw", "sgd"], "adamw", "+ the optimizer; the official one is AdamW"),
  momentum: number(0.9, "+ momentum of sgd", { min: 0, max: 1 }),
  lr: number(1e-4, "learning rate", { min: 0 }),
  lr_backbone: number(1e-5, "learning rate of the backbone; 0 freezes it", { min: 0 }),
  param_dict_type: oneOf(["default", "ddetr_in_mmdet", "large_wd"], "default", "how parameters are grouped"),
  lr_backbone_names: texts(["backbone.0"], "parameters at lr_backbone, where param_dict_type is ddetr_in_mmdet"),
  lr_linear_proj_names: texts(
    ["reference_points", "sampling_offsets"],
    "parameters at lr * lr_linear_proj_mult, likewise",
  ),
  lr_linear_proj_mult: number(0.1, "factor on lr for those", { min: 0 }),
  weight_decay: number(1e-4, "decoupled weight decay", { min: 0 }),
  clip_max_norm: number(0.1, "limit of the gradients' global norm; 0 or below for none"),
  batch_size: integer(2, "images per step", { min: 1, max: 1024 }),
  epochs: integer(12, "passes over the training set", { min: 1, max: 1_000_000 }),
  max_steps: optional(integer(0, "+ end after this many steps, though epochs be left", { min: 1 })),
  patience: later(optional(
    integer(0, "+ end after so many evaluations in a row without a better AP (also --patience)", { min: 1 }),
  )),
  eval_every: later(
    integer(1, "+ epochs from one evaluation to the next; the last epoch has one (also --eval_every)", { min: 1 }),
  ),
  lr_drop: integer(11, "epochs after which the learning rate falls to a tenth, again and again", { min: 1 }),
  lr_drop_fraction: optional(
    number(0, "+ share of all steps after which it falls once, instead of lr_drop", { min: 0, max: 1 }),
  ),
  onecyclelr: boolean(false, "one cycle from small to lr to almost none, step by step"),
  multi_step_lr: boolean(false, "fall to a tenth at the epochs of lr_drop_list instead of lr_drop"),
  lr_drop_list: integers([33, 45], "epochs for multi_step_lr", { min: 0 }),
  warmup_steps: integer(0, "+ steps over which the learning rate rises from 0 in a line", { min: 0 }),
  backbone_freeze_keywords: optional(texts([], "backbone parameters whose name holds one of these stay as they are")),
  backbone_frozen_stages: integer(
    -1,
    "+ in a Swin transformer 0 freezes the patch embedding, n the first n - 1 stages as well",
    { min: -1, max: 5 },
  ),
  use_ema: boolean(false, "keep a moving average of the weights and evaluate it too"),
  ema_decay: number(0.9997, "decay of the average per step", { min: 0, max: 1 }),
  ema_epoch: integer(0, "first epoch of the average", { min: 0 }),
  aux_loss: boolean(true, "losses on every decoder layer"),
  matcher_type: oneOf(
    ["HungarianMatcher", "SimpleMinsumMatcher"],
    "HungarianMatcher",
    "matching of queries to objects",
  ),
  set_cost_class: number(2, "class cost in the matching", { min: 0 }),
  set_cost_bbox: number(5, "box distance in the matching", { min: 0 }),
  set_cost_giou: number(2, "generalised IoU in the matching", { min: 0 }),
  cls_loss_coef: number(1, "weight of the class loss", { min: 0 }),
  bbox_loss_coef: number(5, "weight of the box distance loss", { min: 0 }),
  giou_loss_coef: number(2, "weight of the generalised IoU loss", { min: 0 }),
  interm_loss_coef: number(1, "weight of the losses on the encoder's proposals", { min: 0 }),
  no_interm_box_loss: boolean(false, "no box losses on the encoder's proposals"),
  focal_alpha: number(0.25, "alpha of the focal loss", { min: 0, max: 1 }),
  class_balance_beta: later(
    number(0, "+ weigh objects in the focal loss by how few their class has, the more the closer to 1; 0: not", {
      min: 0,
      below: 1,
    }),
  ),
  use_dn: boolean(true, "denoising training"),
  dn_number: integer(100, "denoising queries; the number of groups follows from it", { min: 0, max: 10_000 }),
  dn_box_noise_scale: number(0.4, "box noise of denoising queries", { min: 0 }),
  dn_label_noise_ratio: number(0.5, "share of denoising queries with a changed label, twice", { min: 0, max: 1 }),
};

/** Of an image, in pixels. */
const LARGEST_SIDE = 65_536;
const SHARE = { min: 0, max: 1 };

const DATA_KEYS: ConfigTable<DataConfig> = {
  augmentation: oneOf(
    ["coco", "cards"],
    "coco",
    "+ recipe of augmentation: the official one, or that of the cards preset",
  ),
  data_aug_scales: integers([480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800], "short sides to draw from", {
    min: 1,
    max: 32_768,
  }),
  data_aug_max_size: integer(1333, "limit of the long side", { min: 1, max: LARGEST_SIDE }),
  data_aug_scales2_resize: integers([400, 500, 600], "short sides before a crop", { min: 1, max: 32_768 }),
  data_aug_scales2_crop: {
    ...integers([384, 600], "smallest and largest side of a crop", { min: 1 }),
    expects: `two integers from 1 to ${LARGEST_SIDE}, the smaller first`,
    read: (value) => {
      const [low, high, ...more] = isConfigList(value) ? value : [];
      const isSide = (side: unknown) => Number.isInteger(side) && Number(side) >= 1 && Number(side) <= LARGEST_SIDE;
      const fit = isSide(low) && isSide(high) && Number(high) >= Number(low);
      return fit && more.length === 0 ? [Number(low), Number(high)] : undefined;
    },
  },
  data_aug_scale_overlap: optional(number(0, "factor on all those sizes", { above: 0, max: 100 })),
  fix_size: boolean(false, "resize every training image to data_aug_max_size x the largest scale (also --fix_size)"),
  strong_aug: boolean(false, "add a crop, channel shuffle, brightness or contrast change"),
  exif_orientation: boolean(false, "+ turn images upright by their Exif orientation (also --exif_orientation)"),
  resize_rule: later(oneOf(RESIZE_RULES, "official", "+ whose arithmetic of sizes a resize follows")),
  resize_filter: later(
    oneOf(RESIZE_FILTERS, "pillow", "+ whose bilinear filter it is: pillow averages where it reduces, opencv samples"),
  ),
  image_channels: later(oneOf(CHANNEL_ORDERS, "rgb", "+ order of the channels that the model is given")),
  image_mean: later(
    channels([0.485, 0.456, 0.406], "+ mean of each channel in that order, as a share of full brightness", {
      min: 0,
      max: 1,
    }),
  ),
  image_std: later(
    channels([0.229, 0.224, 0.225], "+ standard deviation of each channel, likewise", { above: 0, max: 1 }),
  ),
  aug_hflip: later(optional(
    number(
      0,
      "+ probability of mirroring left and right; by default 0.5 in the coco recipe, 0 in that of cards",
      SHARE,
    ),
  )),
  aug_vflip: later(number(0, "+ probability of mirroring top and bottom", SHARE)),
  aug_rot90: later(number(0, "+ probability of a turn by 90, 180 or 270 degrees", SHARE)),
  aug_rotate: later(number(0, "+ rotate by up to so many degrees to either side", { min: 0, max: 180 })),
  aug_scale_jitter: later({
    ...numbers([1, 1], "+ smallest and largest factor on the size of everything in an image"),
    expects: "two numbers from 0.1 to 10, the smaller first",
    read: (value) => {
      const [low, high, ...more] = isConfigList(value) ? value : [];
      const isFactor = (factor: unknown) => typeof factor === "number" && factor >= 0.1 && factor <= 10;
      const fit = isFactor(low) && isFactor(high) && Number(high) >= Number(low);
      return fit && more.length === 0 ? [Number(low), Number(high)] : undefined;
    },
  }),
  aug_brightness: later(number(0, "+ brightness is multiplied by 1 plus or minus up to this", SHARE)),
  aug_contrast: later(number(0, "+ contrast is multiplied by 1 plus or minus up to this", SHARE)),
  aug_saturation: later(number(0, "+ saturation is multiplied by 1 plus or minus up to this", SHARE)),
  aug_hue: later(
    number(0, "+ colours turn by up to this part of the colour circle, either way", { min: 0, max: 0.5 }),
  ),
  aug_mosaic: later(number(0, "+ probability of four images in one", SHARE)),
  aug_mixup: later(number(0, "+ probability of another image that shines through", SHARE)),
  aug_copy_paste: later(
    number(0, "+ probability of objects pasted in from another image, by their masks where there are some", SHARE),
  ),
  aug_mix_off: later(integer(0, "+ last epochs without mosaic, mixup and copy-paste", { min: 0 })),
  aug_min_visible: later(
    number(
      0.2,
      "+ share of an object that rotation, scale jitter and mosaic must leave for it to stay a target",
      SHARE,
    ),
  ),
  repeat_threshold: later(
    number(0, "+ repeat images of classes that less than this share of all images have; 0 repeats none", SHARE),
  ),
};

const RUNTIME_KEYS: ConfigTable<RuntimeConfig> = {
  save_checkpoint_interval: integer(1, "epochs between numbered checkpoints", { min: 1 }),
  use_checkpoint: boolean(false, "gradient checkpointing in the backbone: less memory, the same numbers"),
  backbone_dir: optional(
    text("", "folder of a Swin transformer's or ConvNeXt's pretrained weights, by their published names"),
  ),
  useCats: boolean(true, "tell categories apart in evaluation"),
};

const UNUSED_KEYS: ConfigTable<UnusedConfig> = {
  ddetr_lr_param: unused(false),
  pdetr3_bbox_embed_diff_each_layer: unused(false),
  pdetr3_refHW: unused(-1),
  dabdetr_yolo_like_anchor_update: unused(false),
  dabdetr_deformable_encoder: unused(false),
  dabdetr_deformable_decoder: unused(false),
  box_attn_type: unused("roi_align"),
  dln_xy_noise: unused(0.2),
  dln_hw_noise: unused(0.2),
  two_stage_default_hw: unused(0.05),
  batch_norm_type: unused("FrozenBatchNorm2d"),
  mask_loss_coef: unused(1),
  dice_loss_coef: unused(1),
  enc_loss_coef: unused(1),
  match_unstable_error: unused(true),
};

/** Keys that the official training scripts pass in `--options` though no config names and no code reads them. */
export const SCRIPT_KEYS: readonly string[] = ["dn_scalar", "dn_label_coef", "dn_bbox_coef"];

/**
 * Every key with its spec, in the order in which a config is written.
 *
 * @category Configuration
 */
export const CONFIG_KEYS: ConfigTable<DinoConfig> = {
  ...MODEL_KEYS,
  ...OPTIMIZER_KEYS,
  ...DATA_KEYS,
  ...RUNTIME_KEYS,
  ...UNUSED_KEYS,
};

const TABLES: Readonly<Record<ConfigGroup, object>> = {
  model: MODEL_KEYS,
  optimizer: OPTIMIZER_KEYS,
  data: DATA_KEYS,
  runtime: { ...RUNTIME_KEYS, ...UNUSED_KEYS },
};

/** True for the names of settings, those that no code reads included. */
export function isConfigKey(name: string): name is ConfigKey {
  return Object.hasOwn(CONFIG_KEYS, name);
}

/**
 * The names of all settings, in the order of `CONFIG_KEYS`.
 *
 * @category Configuration
 */
export function configKeys(): ConfigKey[] {
  return Object.keys(CONFIG_KEYS).filter(isConfigKey);
}

/** The group of a setting: what a difference in it would change. */
export function groupOf(key: ConfigKey): ConfigGroup {
  return CONFIG_GROUPS.find((group) => Object.hasOwn(TABLES[group], key)) ?? "runtime";
}
