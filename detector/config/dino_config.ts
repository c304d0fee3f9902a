/**
 * Everything that defines a training run except its folders and devices. Keys are spelled as in the official DINO
 * configs (hence snake_case), so that those files and their users' habits carry over. Ranges and defaults stand in the
 * tables of `schema.ts`, whose words are repeated here for editors to show; a test compares them.
 */
import type { BackboneName } from "./backbones.ts";
import type { ConfigValue } from "./values.ts";

/**
 * The normalisations that a ResNet can have.
 *
 * @category Configuration
 */
export const NORMS = ["frozen_batch_norm", "batch_norm", "group_norm"] as const;
/**
 * One of {@link NORMS}.
 *
 * @category Configuration
 */
export type NormName = (typeof NORMS)[number];

/**
 * Whose arithmetic of sizes a resize follows: the official code's, or that of another program.
 *
 * @category Configuration
 */
export const RESIZE_RULES = ["official", "detectron2", "mmdetection"] as const;
/**
 * One of {@link RESIZE_RULES}.
 *
 * @category Configuration
 */
export type ResizeRule = (typeof RESIZE_RULES)[number];

/**
 * Whose bilinear filter it is: Pillow's, which averages where it reduces, or OpenCV's, which samples.
 *
 * @category Configuration
 */
export const RESIZE_FILTERS = ["pillow", "opencv"] as const;
/**
 * One of {@link RESIZE_FILTERS}.
 *
 * @category Configuration
 */
export type ResizeFilter = (typeof RESIZE_FILTERS)[number];

/**
 * Red, green, blue, or the other way round, as programs have it that read images with OpenCV.
 *
 * @category Configuration
 */
export const CHANNEL_ORDERS = ["rgb", "bgr"] as const;
/**
 * One of {@link CHANNEL_ORDERS}.
 *
 * @category Configuration
 */
export type ChannelOrder = (typeof CHANNEL_ORDERS)[number];

/**
 * What changes shapes or outputs of the model.
 *
 * @category Configuration
 */
export interface ModelConfig {
  /** Only 'dino': dinograd has no other model. */
  readonly modelname: "dino";
  /** Largest category id + 1, not the number of categories. */
  readonly num_classes: number;
  /** The feature extractor; resnet18, resnet_small and swin_S_224_1k are dinograd's own. */
  readonly backbone: BackboneName;
  /** Normalisation in a ResNet; the official one is frozen batch norm. Dinograd's own key. */
  readonly norm: NormName;
  /** Channels per group where norm is group_norm. Dinograd's own key. */
  readonly norm_group_channels: number;
  /** Channels after the 3x3 stem of resnet_small. Dinograd's own key. */
  readonly backbone_stem_width: number;
  /** Channels of the four stages of resnet_small. Dinograd's own key. */
  readonly backbone_widths: readonly number[];
  /** Blocks of the four stages of resnet_small. Dinograd's own key. */
  readonly backbone_depths: readonly number[];
  /** Stochastic depth of the last block; by default 0.2 in a Swin transformer, 0 in a ConvNeXt. Dinograd's own key. */
  readonly backbone_drop_path_rate: number | null;
  /** Dilate the last stage instead of halving its resolution. */
  readonly dilation: boolean;
  /** Backbone stages that feed the transformer. */
  readonly return_interm_indices: readonly number[];
  /** Image position embedding; both names mean sine, a learned one is left out. */
  readonly position_embedding: "sine" | "v2";
  /** Temperature of the vertical sine embedding. */
  readonly pe_temperatureH: number;
  /** Temperature of the horizontal sine embedding. */
  readonly pe_temperatureW: number;
  /** Added to the number of a row or column, from 1 on, before it is embedded. Dinograd's own key. */
  readonly pe_offset: number;
  /** Encoder layers. */
  readonly enc_layers: number;
  /** Decoder layers. */
  readonly dec_layers: number;
  /** Only 0: dinograd has no unified encoder-decoder. */
  readonly unic_layers: 0;
  /** Only False: dinograd has no normalisation before the attention. */
  readonly pre_norm: false;
  /** Width inside the feed-forward blocks. */
  readonly dim_feedforward: number;
  /** Width of the transformer. */
  readonly hidden_dim: number;
  /** Probability of dropping, in the transformer. */
  readonly dropout: number;
  /** Attention heads. */
  readonly nheads: number;
  /** Queries, each of which can be one object; an image needs as many tokens. */
  readonly num_queries: number;
  /** Only 4: dinograd has no queries other than boxes. */
  readonly query_dim: 4;
  /** Only 0: dinograd has no anchor patterns. */
  readonly num_patterns: 0;
  /** Only False: dinograd has no random reference points. */
  readonly random_refpoints_xy: false;
  /** Only -1: dinograd has no fixed anchor sizes. */
  readonly fix_refpoints_hw: -1;
  /** Only False: dinograd has no box attention. */
  readonly use_deformable_box_attn: false;
  /** Only None: dinograd has no layers with fewer queries than others. */
  readonly dec_layer_number: null;
  /** Feature levels: the backbone's and, beyond them, stride-2 convolutions. */
  readonly num_feature_levels: number;
  /** Sampling points per head and level in the encoder. */
  readonly enc_n_points: number;
  /** Sampling points per head and level in the decoder. */
  readonly dec_n_points: number;
  /** Only False: dinograd has no noise on the decoder's boxes. */
  readonly decoder_layer_noise: false;
  /** Only False: dinograd has no channel attention. */
  readonly add_channel_attention: false;
  /** Only False: dinograd has no positions in attention values. */
  readonly add_pos_value: false;
  /** Only 'standard': dinograd has no decoder without encoder proposals. */
  readonly two_stage_type: "standard";
  /** Only 0: dinograd has no pattern embeddings of proposals. */
  readonly two_stage_pat_embed: 0;
  /** Only 0: dinograd has no learned queries beside the proposals. */
  readonly two_stage_add_query_num: 0;
  /** The encoder's box head is the decoder's. */
  readonly two_stage_bbox_embed_share: boolean;
  /** The encoder's class head is the decoder's. */
  readonly two_stage_class_embed_share: boolean;
  /** Learn the size of the encoder's proposals. */
  readonly two_stage_learn_wh: boolean;
  /** Only False: dinograd has no output of all encoder tokens. */
  readonly two_stage_keep_all_tokens: false;
  /** Detections kept per image. */
  readonly num_select: number;
  /** Non-maximum suppression at this overlap; off at 0 or below. */
  readonly nms_iou_threshold: number;
  /** Cut boxes at the edges of the image, and leave out those of which nothing remains. Dinograd's own key. */
  readonly clip_boxes: boolean;
  /** Activation in the feed-forward blocks. */
  readonly transformer_activation: "relu" | "gelu";
  /** Only False: dinograd has no mask or panoptic segmentation. */
  readonly masks: false;
  /** Only None: dinograd has no mask or panoptic segmentation. */
  readonly frozen_weights: null;
  /** Only 'sa': dinograd has no label or content attention in place of self-attention. */
  readonly decoder_sa_type: "sa";
  /** Order of self-attention, cross-attention and feed-forward in a decoder layer. */
  readonly decoder_module_seq: readonly string[];
  /** One box head for all decoder layers. */
  readonly dec_pred_bbox_embed_share: boolean;
  /** One class head for all decoder layers. */
  readonly dec_pred_class_embed_share: boolean;
  /** Learned content queries (mixed query selection). */
  readonly embed_init_tgt: boolean;
  /** Label embeddings - 1; at least the largest label, and num_classes where it is not given. */
  readonly dn_labelbook_size: number;
  /** Detach boxes between decoder layers: no look forward twice. */
  readonly use_detached_boxes_dec_out: boolean;
}

/**
 * How training proceeds: optimizer, schedule, matching, losses, denoising.
 *
 * @category Configuration
 */
export interface OptimizerConfig {
  /** The optimizer; the official one is AdamW. Dinograd's own key. */
  readonly optimizer: "adamw" | "sgd";
  /** Momentum of sgd. Dinograd's own key. */
  readonly momentum: number;
  /** Learning rate. */
  readonly lr: number;
  /** Learning rate of the backbone; 0 freezes it. */
  readonly lr_backbone: number;
  /** How parameters are grouped. */
  readonly param_dict_type: "default" | "ddetr_in_mmdet" | "large_wd";
  /** Parameters at lr_backbone, where param_dict_type is ddetr_in_mmdet. */
  readonly lr_backbone_names: readonly string[];
  /** Parameters at lr * lr_linear_proj_mult, likewise. */
  readonly lr_linear_proj_names: readonly string[];
  /** Factor on lr for those. */
  readonly lr_linear_proj_mult: number;
  /** Decoupled weight decay. */
  readonly weight_decay: number;
  /** Limit of the gradients' global norm; 0 or below for none. */
  readonly clip_max_norm: number;
  /** Images per step. */
  readonly batch_size: number;
  /** Passes over the training set. */
  readonly epochs: number;
  /** End after this many steps, though epochs be left. Dinograd's own key. */
  readonly max_steps: number | null;
  /** End after so many evaluations in a row without a better AP (also --patience). Dinograd's own key. */
  readonly patience: number | null;
  /** Epochs from one evaluation to the next; the last epoch has one (also --eval_every). Dinograd's own key. */
  readonly eval_every: number;
  /** Epochs after which the learning rate falls to a tenth, again and again. */
  readonly lr_drop: number;
  /** Share of all steps after which it falls once, instead of lr_drop. Dinograd's own key. */
  readonly lr_drop_fraction: number | null;
  /** One cycle from small to lr to almost none, step by step. */
  readonly onecyclelr: boolean;
  /** Fall to a tenth at the epochs of lr_drop_list instead of lr_drop. */
  readonly multi_step_lr: boolean;
  /** Epochs for multi_step_lr. */
  readonly lr_drop_list: readonly number[];
  /** Steps over which the learning rate rises from 0 in a line. Dinograd's own key. */
  readonly warmup_steps: number;
  /** Backbone parameters whose name holds one of these stay as they are. */
  readonly backbone_freeze_keywords: readonly string[] | null;
  /** In a Swin transformer 0 freezes the patch embedding, n the first n - 1 stages as well. Dinograd's own key. */
  readonly backbone_frozen_stages: number;
  /** Keep a moving average of the weights and evaluate it too. */
  readonly use_ema: boolean;
  /** Decay of the average per step. */
  readonly ema_decay: number;
  /** First epoch of the average. */
  readonly ema_epoch: number;
  /** Losses on every decoder layer. */
  readonly aux_loss: boolean;
  /** Matching of queries to objects. */
  readonly matcher_type: "HungarianMatcher" | "SimpleMinsumMatcher";
  /** Class cost in the matching. */
  readonly set_cost_class: number;
  /** Box distance in the matching. */
  readonly set_cost_bbox: number;
  /** Generalised IoU in the matching. */
  readonly set_cost_giou: number;
  /** Weight of the class loss. */
  readonly cls_loss_coef: number;
  /** Weight of the box distance loss. */
  readonly bbox_loss_coef: number;
  /** Weight of the generalised IoU loss. */
  readonly giou_loss_coef: number;
  /** Weight of the losses on the encoder's proposals. */
  readonly interm_loss_coef: number;
  /** No box losses on the encoder's proposals. */
  readonly no_interm_box_loss: boolean;
  /** Alpha of the focal loss. */
  readonly focal_alpha: number;
  /** Weigh objects in the focal loss by how few their class has, the more the closer to 1; 0: not. Dinograd's own key. */
  readonly class_balance_beta: number;
  /** Denoising training. */
  readonly use_dn: boolean;
  /** Denoising queries; the number of groups follows from it. */
  readonly dn_number: number;
  /** Box noise of denoising queries. */
  readonly dn_box_noise_scale: number;
  /** Share of denoising queries with a changed label, twice. */
  readonly dn_label_noise_ratio: number;
}

/**
 * What is seen: augmentation.
 *
 * @category Configuration
 */
export interface DataConfig {
  /** Recipe of augmentation: the official one, or that of the cards preset. Dinograd's own key. */
  readonly augmentation: "coco" | "cards";
  /** Short sides to draw from. */
  readonly data_aug_scales: readonly number[];
  /** Limit of the long side. */
  readonly data_aug_max_size: number;
  /** Short sides before a crop. */
  readonly data_aug_scales2_resize: readonly number[];
  /** Smallest and largest side of a crop. */
  readonly data_aug_scales2_crop: readonly number[];
  /** Factor on all those sizes. */
  readonly data_aug_scale_overlap: number | null;
  /** Resize every training image to data_aug_max_size x the largest scale (also --fix_size). */
  readonly fix_size: boolean;
  /** Add a crop, channel shuffle, brightness or contrast change. */
  readonly strong_aug: boolean;
  /** Turn images upright by their Exif orientation (also --exif_orientation). Dinograd's own key. */
  readonly exif_orientation: boolean;
  /** Whose arithmetic of sizes a resize follows. Dinograd's own key. */
  readonly resize_rule: ResizeRule;
  /** Whose bilinear filter it is: pillow averages where it reduces, opencv samples. Dinograd's own key. */
  readonly resize_filter: ResizeFilter;
  /** Order of the channels that the model is given. Dinograd's own key. */
  readonly image_channels: ChannelOrder;
  /** Mean of each channel in that order, as a share of full brightness. Dinograd's own key. */
  readonly image_mean: readonly number[];
  /** Standard deviation of each channel, likewise. Dinograd's own key. */
  readonly image_std: readonly number[];
  /** Probability of mirroring left and right; by default 0.5 in the coco recipe, 0 in that of cards. Dinograd's own key. */
  readonly aug_hflip: number | null;
  /** Probability of mirroring top and bottom. Dinograd's own key. */
  readonly aug_vflip: number;
  /** Probability of a turn by 90, 180 or 270 degrees. Dinograd's own key. */
  readonly aug_rot90: number;
  /** Rotate by up to so many degrees to either side. Dinograd's own key. */
  readonly aug_rotate: number;
  /** Smallest and largest factor on the size of everything in an image. Dinograd's own key. */
  readonly aug_scale_jitter: readonly number[];
  /** Brightness is multiplied by 1 plus or minus up to this. Dinograd's own key. */
  readonly aug_brightness: number;
  /** Contrast is multiplied by 1 plus or minus up to this. Dinograd's own key. */
  readonly aug_contrast: number;
  /** Saturation is multiplied by 1 plus or minus up to this. Dinograd's own key. */
  readonly aug_saturation: number;
  /** Colours turn by up to this part of the colour circle, either way. Dinograd's own key. */
  readonly aug_hue: number;
  /** Probability of four images in one. Dinograd's own key. */
  readonly aug_mosaic: number;
  /** Probability of another image that shines through. Dinograd's own key. */
  readonly aug_mixup: number;
  /** Probability of objects pasted in from another image, by their masks where there are some. Dinograd's own key. */
  readonly aug_copy_paste: number;
  /** Last epochs without mosaic, mixup and copy-paste. Dinograd's own key. */
  readonly aug_mix_off: number;
  /** Share of an object that rotation, scale jitter and mosaic must leave for it to stay a target. Dinograd's own key. */
  readonly aug_min_visible: number;
  /** Repeat images of classes that less than this share of all images have; 0 repeats none. Dinograd's own key. */
  readonly repeat_threshold: number;
}

/**
 * What may differ without any effect on the numbers.
 *
 * @category Configuration
 */
export interface RuntimeConfig {
  /** Epochs between numbered checkpoints. */
  readonly save_checkpoint_interval: number;
  /** Gradient checkpointing in the backbone: less memory, the same numbers. */
  readonly use_checkpoint: boolean;
  /** Folder of a Swin transformer's or ConvNeXt's pretrained weights, by their published names. */
  readonly backbone_dir: string | null;
  /** Tell categories apart in evaluation. */
  readonly useCats: boolean;
}

/**
 * Spelled in the official configs, read by no code.
 *
 * @category Configuration
 */
export interface UnusedConfig {
  /** Read by no code. */
  readonly ddetr_lr_param: ConfigValue;
  /** Read by no code. */
  readonly pdetr3_bbox_embed_diff_each_layer: ConfigValue;
  /** Read by no code. */
  readonly pdetr3_refHW: ConfigValue;
  /** Read by no code. */
  readonly dabdetr_yolo_like_anchor_update: ConfigValue;
  /** Read by no code. */
  readonly dabdetr_deformable_encoder: ConfigValue;
  /** Read by no code. */
  readonly dabdetr_deformable_decoder: ConfigValue;
  /** Read by no code. */
  readonly box_attn_type: ConfigValue;
  /** Read by no code. */
  readonly dln_xy_noise: ConfigValue;
  /** Read by no code. */
  readonly dln_hw_noise: ConfigValue;
  /** Read by no code. */
  readonly two_stage_default_hw: ConfigValue;
  /** Read by no code. */
  readonly batch_norm_type: ConfigValue;
  /** Read by no code. */
  readonly mask_loss_coef: ConfigValue;
  /** Read by no code. */
  readonly dice_loss_coef: ConfigValue;
  /** Read by no code. */
  readonly enc_loss_coef: ConfigValue;
  /** Read by no code. */
  readonly match_unstable_error: ConfigValue;
}

/**
 * A complete configuration.
 *
 * @category Configuration
 */
export interface DinoConfig extends ModelConfig, OptimizerConfig, DataConfig, RuntimeConfig, UnusedConfig {}

/**
 * The name of a setting.
 *
 * @category Configuration
 */
export type ConfigKey = keyof DinoConfig;
