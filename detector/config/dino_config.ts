/**
 * Everything that defines a training run except its folders and devices. Keys are spelled as in the official DINO
 * configs (hence snake_case), so that those files and their users' habits carry over. What each key means, its range and
 * its default stand in the tables of `schema.ts`.
 */
import type { ConfigValue } from "./values.ts";

export const BACKBONES = [
  "resnet18",
  "resnet50",
  "resnet101",
  "resnet_small",
  "swin_T_224_1k",
  "swin_B_224_22k",
  "swin_B_384_22k",
  "swin_L_224_22k",
  "swin_L_384_22k",
  "convnext_tiny_1k",
  "convnext_small_1k",
  "convnext_base_1k",
  "convnext_base_22k",
  "convnext_large_1k",
  "convnext_large_22k",
  "convnext_xlarge_22k",
] as const;
export type BackboneName = (typeof BACKBONES)[number];

export const NORMS = ["frozen_batch_norm", "batch_norm", "group_norm"] as const;
export type NormName = (typeof NORMS)[number];

export interface ModelConfig {
  readonly modelname: "dino";
  readonly num_classes: number;
  readonly backbone: BackboneName;
  readonly norm: NormName;
  readonly norm_group_channels: number;
  readonly backbone_stem_width: number;
  readonly backbone_widths: readonly number[];
  readonly backbone_depths: readonly number[];
  readonly backbone_drop_path_rate: number | null;
  readonly dilation: boolean;
  readonly return_interm_indices: readonly number[];
  readonly position_embedding: "sine" | "v2";
  readonly pe_temperatureH: number;
  readonly pe_temperatureW: number;
  readonly enc_layers: number;
  readonly dec_layers: number;
  readonly unic_layers: 0;
  readonly pre_norm: false;
  readonly dim_feedforward: number;
  readonly hidden_dim: number;
  readonly dropout: number;
  readonly nheads: number;
  readonly num_queries: number;
  readonly query_dim: 4;
  readonly num_patterns: 0;
  readonly random_refpoints_xy: false;
  readonly fix_refpoints_hw: -1;
  readonly use_deformable_box_attn: false;
  readonly dec_layer_number: null;
  readonly num_feature_levels: number;
  readonly enc_n_points: number;
  readonly dec_n_points: number;
  readonly decoder_layer_noise: false;
  readonly add_channel_attention: false;
  readonly add_pos_value: false;
  readonly two_stage_type: "standard";
  readonly two_stage_pat_embed: 0;
  readonly two_stage_add_query_num: 0;
  readonly two_stage_bbox_embed_share: boolean;
  readonly two_stage_class_embed_share: boolean;
  readonly two_stage_learn_wh: boolean;
  readonly two_stage_keep_all_tokens: false;
  readonly num_select: number;
  readonly nms_iou_threshold: number;
  readonly transformer_activation: "relu" | "gelu";
  readonly masks: false;
  readonly frozen_weights: null;
  readonly decoder_sa_type: "sa";
  readonly decoder_module_seq: readonly string[];
  readonly dec_pred_bbox_embed_share: boolean;
  readonly dec_pred_class_embed_share: boolean;
  readonly embed_init_tgt: boolean;
  readonly dn_labelbook_size: number;
  readonly use_detached_boxes_dec_out: boolean;
}

export interface OptimizerConfig {
  readonly optimizer: "adamw" | "sgd";
  readonly momentum: number;
  readonly lr: number;
  readonly lr_backbone: number;
  readonly param_dict_type: "default" | "ddetr_in_mmdet" | "large_wd";
  readonly lr_backbone_names: readonly string[];
  readonly lr_linear_proj_names: readonly string[];
  readonly lr_linear_proj_mult: number;
  readonly weight_decay: number;
  readonly clip_max_norm: number;
  readonly batch_size: number;
  readonly epochs: number;
  readonly max_steps: number | null;
  readonly lr_drop: number;
  readonly lr_drop_fraction: number | null;
  readonly onecyclelr: boolean;
  readonly multi_step_lr: boolean;
  readonly lr_drop_list: readonly number[];
  readonly warmup_steps: number;
  readonly backbone_freeze_keywords: readonly string[] | null;
  readonly backbone_frozen_stages: number;
  readonly use_ema: boolean;
  readonly ema_decay: number;
  readonly ema_epoch: number;
  readonly aux_loss: boolean;
  readonly matcher_type: "HungarianMatcher" | "SimpleMinsumMatcher";
  readonly set_cost_class: number;
  readonly set_cost_bbox: number;
  readonly set_cost_giou: number;
  readonly cls_loss_coef: number;
  readonly bbox_loss_coef: number;
  readonly giou_loss_coef: number;
  readonly interm_loss_coef: number;
  readonly no_interm_box_loss: boolean;
  readonly focal_alpha: number;
  readonly use_dn: boolean;
  readonly dn_number: number;
  readonly dn_box_noise_scale: number;
  readonly dn_label_noise_ratio: number;
}

export interface DataConfig {
  readonly augmentation: "coco" | "cards";
  readonly data_aug_scales: readonly number[];
  readonly data_aug_max_size: number;
  readonly data_aug_scales2_resize: readonly number[];
  readonly data_aug_scales2_crop: readonly number[];
  readonly data_aug_scale_overlap: number | null;
  readonly fix_size: boolean;
  readonly strong_aug: boolean;
  readonly exif_orientation: boolean;
}

export interface RuntimeConfig {
  readonly save_checkpoint_interval: number;
  readonly use_checkpoint: boolean;
  readonly backbone_dir: string | null;
  readonly useCats: boolean;
}

/** Spelled in the official configs, read by no code. */
export interface UnusedConfig {
  readonly ddetr_lr_param: ConfigValue;
  readonly pdetr3_bbox_embed_diff_each_layer: ConfigValue;
  readonly pdetr3_refHW: ConfigValue;
  readonly dabdetr_yolo_like_anchor_update: ConfigValue;
  readonly dabdetr_deformable_encoder: ConfigValue;
  readonly dabdetr_deformable_decoder: ConfigValue;
  readonly box_attn_type: ConfigValue;
  readonly dln_xy_noise: ConfigValue;
  readonly dln_hw_noise: ConfigValue;
  readonly two_stage_default_hw: ConfigValue;
  readonly batch_norm_type: ConfigValue;
  readonly mask_loss_coef: ConfigValue;
  readonly dice_loss_coef: ConfigValue;
  readonly enc_loss_coef: ConfigValue;
  readonly match_unstable_error: ConfigValue;
}

/** A complete configuration. */
export interface DinoConfig extends ModelConfig, OptimizerConfig, DataConfig, RuntimeConfig, UnusedConfig {}

export type ConfigKey = keyof DinoConfig;
