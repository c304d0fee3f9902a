/**
 * ConvNeXt (Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545) as the official DINO code has it: four stages at
 * strides 4, 8, 16 and 32, each of whose outputs has a layer norm of its own. Images are channels-last inside. Names of
 * parameters are the official ones.
 */

import { Conv2d } from "../../../engine/nn/conv2d.ts";
import { DropPath } from "../../../engine/nn/dropout.ts";
import { constant } from "../../../engine/nn/initial.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { Parameter } from "../../../engine/parameter.ts";
import { LayerNorm } from "../../../engine/nn/norm.ts";
import { depthwiseConv2d } from "../../../engine/ops/depthwise_conv.ts";
import { scoped, tidy } from "../../../engine/scope.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { ConvNeXtArchitecture } from "../../config/mod.ts";
import { Backbone, type BackboneOptions } from "./backbone.ts";
import { dropPathRates, runBlock } from "./stages.ts";

/** Of all layer norms in it. */
const EPSILON = 1e-6;
/** Where the scale of every branch starts: blocks begin as little more than their shortcut. */
const LAYER_SCALE = 1e-6;
/** Side of the stem's patches, in pixels, and of the patches between stages. */
const [STEM, PATCH] = [4, 2];
/** Side of the depthwise window, in pixels, and what keeps the image's size. */
const [WINDOW, PADDING] = [7, 3];
/** Width inside a block over the block's. */
const EXPANSION = 4;

const makeNorm = (context: ModuleContext, features: number) => new LayerNorm(context, { features, epsilon: EPSILON });

const toChannelsLast = (x: Tensor) => x.permute([0, 2, 3, 1]);
const toChannelsFirst = (x: Tensor) => x.permute([0, 3, 1, 2]);

/** A depthwise convolution, then a feed-forward network per pixel, scaled per channel, on a shortcut. */
class Block extends Module {
  /** [features]: the official layer scale. */
  readonly gamma: Parameter;
  readonly dwconv: Conv2d;
  readonly norm: LayerNorm;
  readonly pwconv1: Linear;
  readonly pwconv2: Linear;
  readonly dropPath: DropPath;

  constructor(
    context: ModuleContext,
    { features, dropPath }: { readonly features: number; readonly dropPath: number },
  ) {
    super();
    const window = { kernel: WINDOW, padding: PADDING, groups: features };
    const inside = EXPANSION * features;
    this.dwconv = new Conv2d(context, { inChannels: features, outChannels: features, ...window });
    this.norm = makeNorm(context, features);
    this.pwconv1 = new Linear(context, { inFeatures: features, outFeatures: inside });
    this.pwconv2 = new Linear(context, { inFeatures: inside, outFeatures: features });
    this.gamma = new Parameter(context, [features], constant([features], LAYER_SCALE));
    this.dropPath = new DropPath(context, { probability: dropPath });
  }

  /** [N, H, W, features] */
  forward(x: Tensor): Tensor {
    const { weight, bias } = this.dwconv;
    const normed = tidy(() =>
      this.norm.forward(depthwiseConv2d(x, { weight, bias }, { padding: PADDING, channelsLast: true }))
    );
    const hidden = tidy(() => this.pwconv1.forward(normed).gelu());
    return x.add(tidy(() => this.dropPath.forward(this.pwconv2.forward(hidden).mul(this.gamma))));
  }
}

export class ConvNeXt extends Backbone {
  /** The stem, a convolution and its norm, then a norm and a convolution before each later stage. */
  readonly downsampleLayers: readonly (readonly (Conv2d | LayerNorm)[])[];
  readonly stages: readonly (readonly Block[])[];
  /** One for each stage, also where it is no output: so it is in the official state. */
  readonly norm0: LayerNorm;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly channels: readonly number[];
  readonly #options: BackboneOptions;

  constructor(context: ModuleContext, { depths, features }: ConvNeXtArchitecture, options: BackboneOptions) {
    super();
    this.#options = options;
    const rates = dropPathRates(depths, options.dropPathRate);
    this.downsampleLayers = features.map((outChannels, stage) => {
      const [inChannels, side] = stage === 0 ? [3, STEM] : [features[stage - 1], PATCH];
      const conv = new Conv2d(context, { inChannels, outChannels, kernel: side, stride: side });
      return stage === 0 ? [conv, makeNorm(context, outChannels)] : [makeNorm(context, inChannels), conv];
    });
    this.stages = features.map((width, stage) =>
      rates[stage].map((dropPath) => new Block(context, { features: width, dropPath }))
    );
    [this.norm0, this.norm1, this.norm2, this.norm3] = features.map((width) => makeNorm(context, width));
    this.channels = features.slice(features.length - options.outputs);
  }

  override forward(images: Tensor): Tensor[] {
    return scoped((inner) => {
      const norms = [this.norm0, this.norm1, this.norm2, this.norm3];
      const outputs: Tensor[] = [];
      let x = tidy(() => toChannelsLast(images));
      this.stages.forEach((blocks, stage) => {
        const before = x;
        x = tidy(() => this.#downsample(before, stage));
        before.dispose();
        for (const block of blocks) {
          const input = x;
          x = runBlock(block, [input], this.#options);
          input.dispose();
        }
        if (stage >= norms.length - this.#options.outputs) {
          outputs.push(inner.keep(tidy(() => toChannelsFirst(norms[stage].forward(x)))));
        }
      });
      return outputs;
    });
  }

  /** [N, H, W, C] to what the stage begins with, channels last as well. */
  #downsample(x: Tensor, stage: number): Tensor {
    return this.downsampleLayers[stage].reduce(
      (y, layer) => layer instanceof Conv2d ? toChannelsLast(layer.forward(toChannelsFirst(y))) : layer.forward(y),
      x,
    );
  }
}
