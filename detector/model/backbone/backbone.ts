/** What the detector asks of a feature extractor. */

import { Module } from "../../../engine/nn/module.ts";
import type { Tensor } from "../../../engine/tensor.ts";

/** A feature extractor: a ResNet, a Swin transformer or a ConvNeXt. */
export abstract class Backbone extends Module {
  /** Channels of the outputs, the finest first. */
  abstract readonly channels: readonly number[];

  /** Images [N, 3, H, W] to feature maps [N, channels[i], Hi, Wi], the finest first. */
  abstract forward(images: Tensor): Tensor[];
}
