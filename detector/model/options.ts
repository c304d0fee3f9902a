/**
 * What a DINO model is made of, in the project's words, and how a configuration (with the official keys) translates.
 */

import { backboneArchitecture, backboneFamily } from "../config/backbones.ts";
import { checkConfig, type DinoConfig } from "../config/mod.ts";
import type { BackboneOptions } from "./backbone/backbone.ts";
import type { PostprocessOptions } from "./postprocess.ts";

/**
 * One step of a decoder layer: self-attention, deformable cross-attention, feed-forward network.
 *
 * @category Model
 */
export type DecoderStep = "sa" | "ca" | "ffn";

/**
 * Contrastive denoising, section 3.3 of the paper.
 *
 * @category Model
 */
export interface DenoisingOptions {
  /** The official `dn_number`: how many denoising pairs to aim for (see `denoising.ts`). 0 turns denoising off. */
  readonly number: number;
  /** Half of this share of the labels is redrawn. */
  readonly labelNoiseRatio: number;
  /** How far corners move, as a share of half the box's width and height. */
  readonly boxNoiseScale: number;
}

/**
 * Sizes and variants of a model, as the configuration's keys give them.
 *
 * @category Model
 */
export interface DinoModelOptions {
  /** Kind, sizes and output stages of the feature extractor. */
  readonly backbone: BackboneOptions;
  /** Outputs of the class heads: the largest category id + 1. */
  readonly classes: number;
  /** How many boxes the decoder predicts per image (the official `num_queries`). */
  readonly queries: number;
  /** Width of the transformer (the official `hidden_dim`). */
  readonly features: number;
  /** Heads of every attention; divides `features`. */
  readonly heads: number;
  /** Scales of the feature pyramid, at least `backbone.outputs`: the coarser ones are made by further convolutions. */
  readonly levels: number;
  /** Layers of the deformable encoder, at least 0 (6 in the paper). */
  readonly encoderLayers: number;
  /** Layers of the decoder, at least 1 (6 in the paper). */
  readonly decoderLayers: number;
  /** Sampling points per head and level in the encoder's deformable attention. */
  readonly encoderPoints: number;
  /** Sampling points per head and level in the decoder's deformable attention. */
  readonly decoderPoints: number;
  /** Width of the hidden layer in feed-forward networks. */
  readonly feedforwardFeatures: number;
  /** The activation of feed-forward networks. */
  readonly activation: "relu" | "gelu";
  /** Probability with which activations in the transformer are dropped in training; at least 0, less than 1. */
  readonly dropout: number;
  /** Self-attention (`sa`), cross-attention (`ca`) and feed-forward (`ffn`), in the order in which a decoder layer does them. */
  readonly decoderSteps: readonly DecoderStep[];
  /** Temperatures of the image position embedding. */
  readonly temperatureHeight: number;
  /** As `temperatureHeight`, along the other axis. */
  readonly temperatureWidth: number;
  /** Added to the numbers of rows and columns, from 1 on, in the image position embedding. */
  readonly positionOffset: number;
  /** Learned content queries (mixed query selection) instead of the selected encoder features. */
  readonly learnedContent: boolean;
  /** Learn the initial width and height of the encoder's proposals. */
  readonly learnedProposalSize: boolean;
  /** All decoder layers use one box head, instead of one each. */
  readonly shareDecoderBoxHeads: boolean;
  /** All decoder layers use one class head, instead of one each. */
  readonly shareDecoderClassHeads: boolean;
  /** The encoder's proposals use the decoder's box head; only where the decoder's heads are shared. */
  readonly shareEncoderBoxHead: boolean;
  /** The encoder's proposals use the decoder's class head; only where the decoder's heads are shared. */
  readonly shareEncoderClassHead: boolean;
  /** Cut gradients between decoder layers in the boxes that the losses see: no looking forward twice. */
  readonly detachedBoxes: boolean;
  /** Rows of the label embedding are one more than this. */
  readonly labelBookSize: number;
  /** Denoising queries in training. */
  readonly denoising: DenoisingOptions;
  /** Recompute activations of encoder and decoder layers in the backward pass instead of keeping them. */
  readonly gradientCheckpoint: boolean;
}

/**
 * The model that a configuration describes.
 * @throws {DinogradError} of kind "usage" for a value out of range and for values that do not go together
 * @category Model
 */
export function dinoModelOptions(given: DinoConfig): DinoModelOptions {
  const config = checkConfig(given, "config");
  return {
    backbone: {
      architecture: backboneArchitecture(config),
      norm: config.norm,
      groupChannels: config.norm_group_channels,
      dilation: config.dilation,
      outputs: config.return_interm_indices.length,
      dropPathRate: config.backbone_drop_path_rate ?? backboneFamily(config.backbone).dropPathRate ?? 0,
      frozenStages: config.backbone_frozen_stages,
      freezeKeywords: config.backbone_freeze_keywords ?? [],
      gradientCheckpoint: config.use_checkpoint,
    },
    classes: config.num_classes,
    queries: config.num_queries,
    features: config.hidden_dim,
    heads: config.nheads,
    levels: config.num_feature_levels,
    encoderLayers: config.enc_layers,
    decoderLayers: config.dec_layers,
    encoderPoints: config.enc_n_points,
    decoderPoints: config.dec_n_points,
    feedforwardFeatures: config.dim_feedforward,
    activation: config.transformer_activation,
    dropout: config.dropout,
    decoderSteps: config.decoder_module_seq.filter(isDecoderStep),
    temperatureHeight: config.pe_temperatureH,
    temperatureWidth: config.pe_temperatureW,
    positionOffset: config.pe_offset,
    learnedContent: config.embed_init_tgt,
    learnedProposalSize: config.two_stage_learn_wh,
    shareDecoderBoxHeads: config.dec_pred_bbox_embed_share,
    shareDecoderClassHeads: config.dec_pred_class_embed_share,
    shareEncoderBoxHead: config.two_stage_bbox_embed_share,
    shareEncoderClassHead: config.two_stage_class_embed_share,
    detachedBoxes: config.use_detached_boxes_dec_out,
    labelBookSize: config.dn_labelbook_size,
    denoising: {
      number: config.use_dn ? config.dn_number : 0,
      labelNoiseRatio: config.dn_label_noise_ratio,
      boxNoiseScale: config.dn_box_noise_scale,
    },
    gradientCheckpoint: config.use_checkpoint,
  };
}

/** How a configuration wants detections to be chosen. */
export function postprocessOptions(config: DinoConfig): PostprocessOptions {
  return { numSelect: config.num_select, nmsIouThreshold: config.nms_iou_threshold, clip: config.clip_boxes };
}

function isDecoderStep(name: string): name is DecoderStep {
  return name === "sa" || name === "ca" || name === "ffn";
}
