/** What the detector asks of a feature extractor, and how one is described. */

import { Module } from "../../../engine/nn/module.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { BackboneName, NormName } from "../../config/dino_config.ts";

/** A feature extractor: a ResNet, a Swin transformer or a ConvNeXt. */
export abstract class Backbone extends Module {
  /** Channels of the outputs, the finest first. */
  abstract readonly channels: readonly number[];

  /** Images [N, 3, H, W] to feature maps [N, channels[i], Hi, Wi], the finest first. */
  abstract forward(images: Tensor): Tensor[];
}

/** What tells one Swin transformer from another. */
export interface SwinArchitecture {
  /** Tells it from a ConvNeXt. */
  readonly kind: "swin";
  /** Features after the patch embedding; each later stage has twice as many. */
  readonly features: number;
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Attention heads per stage. */
  readonly heads: readonly number[];
  /** Side of a window, in tokens. */
  readonly window: number;
}

/** What tells one ConvNeXt from another. */
export interface ConvNeXtArchitecture {
  /** Tells it from a Swin transformer. */
  readonly kind: "convnext";
  /** Blocks per stage. */
  readonly depths: readonly number[];
  /** Features per stage. */
  readonly features: readonly number[];
}

/** Which feature extractor, and how it is trained. */
export interface BackboneOptions {
  /** The network, by the name that configurations use. */
  readonly name: BackboneName;
  /** A network in place of the named one. */
  readonly architecture?: SwinArchitecture | ConvNeXtArchitecture;
  /** What normalises inside a ResNet; the others have layer norms. */
  readonly norm: NormName;
  /** Channels per group where `norm` is group norm. */
  readonly groupChannels: number;
  /** Stem, stages and depths of `resnet_small`; the named networks have theirs. */
  readonly stemWidth: number;
  /** Channels of the four stages of `resnet_small`. */
  readonly widths: readonly number[];
  /** Blocks of the four stages of `resnet_small`. */
  readonly depths: readonly number[];
  /** Whether the last stage keeps its resolution and dilates instead. */
  readonly dilation: boolean;
  /** How many of the four stages, counted from the last, feed the transformer. */
  readonly outputs: number;
  /** Probability of leaving out the last block of a Swin transformer or ConvNeXt; absent: the official one. */
  readonly dropPathRate?: number;
  /** 0: the patch embedding of a Swin transformer is not trained; n: neither are its first n - 1 stages. Below 0: all are. */
  readonly frozenStages: number;
  /** Parameters whose name contains one of these are not trained. */
  readonly freezeKeywords: readonly string[];
  /** Recompute activations in the backward pass instead of keeping them. */
  readonly gradientCheckpoint: boolean;
}
