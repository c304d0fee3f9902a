/** What the detector asks of a feature extractor, and how one is described. */

import { Module } from "../../../engine/nn/module.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { BackboneArchitecture, NormName } from "../../config/mod.ts";

/**
 * A feature extractor: a ResNet, a Swin transformer or a ConvNeXt.
 *
 * @category Model
 */
export abstract class Backbone extends Module {
  /** Channels of the outputs, the finest first. */
  abstract readonly channels: readonly number[];

  /** Images [N, 3, H, W] to feature maps [N, channels[i], Hi, Wi], the finest first. */
  abstract forward(images: Tensor): Tensor[];
}

/**
 * Which feature extractor, and how it is trained.
 *
 * @category Model
 */
export interface BackboneOptions {
  /** The network. */
  readonly architecture: BackboneArchitecture;
  /** What normalises inside a ResNet; the others have layer norms. */
  readonly norm: NormName;
  /** Channels per group where `norm` is group norm. */
  readonly groupChannels: number;
  /** Whether the last stage keeps its resolution and dilates instead. */
  readonly dilation: boolean;
  /** How many of the four stages, counted from the last, feed the transformer. */
  readonly outputs: number;
  /** Probability of leaving out the last block in training; 0 for a ResNet. */
  readonly dropPathRate: number;
  /** 0: the patch embedding of a Swin transformer is not trained; n: neither are its first n - 1 stages. Below 0: all are. */
  readonly frozenStages: number;
  /** Parameters whose name contains one of these are not trained. */
  readonly freezeKeywords: readonly string[];
  /** Recompute activations in the backward pass instead of keeping them. */
  readonly gradientCheckpoint: boolean;
}
