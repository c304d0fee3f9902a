/**
 * Residual networks (He et al., arXiv:1512.03385) as torchvision builds them: the stride of a bottleneck sits on its 3 × 3
 * convolution. Beside the usual ones there is `resnet_small`: a 3 × 3 stem without pooling and four stages of basic
 * blocks, each of which halves the resolution; small enough to be trained from scratch on a CPU.
 */

import { DinogradError } from "../../../engine/errors.ts";
import { gradientCheckpoint } from "../../../engine/checkpointing.ts";
import { isRecording } from "../../../engine/autograd.ts";
import { Conv2d } from "../../../engine/nn/conv2d.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { maxPool2d } from "../../../engine/ops/pool.ts";
import { scoped, tidy } from "../../../engine/scope.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { kaimingNormal } from "../../../engine/nn/initial.ts";
import type { ResNetArchitecture } from "../../config/mod.ts";
import { Backbone, type BackboneOptions } from "./backbone.ts";
import { convNorm, makeNorm, type Norm, type NormChoice } from "./norm.ts";

interface BlockOptions extends NormChoice {
  readonly inChannels: number;
  readonly width: number;
  readonly stride: number;
  readonly dilation: number;
}

interface BlockType {
  new (context: ModuleContext, options: BlockOptions): Block;
  readonly expansion: number;
}

abstract class Block extends Module {
  abstract forward(x: Tensor): Tensor;
}

/** The shortcut where a block changes the shape, else nothing. */
function shortcut(context: ModuleContext, options: BlockOptions, outChannels: number): [Conv2d, Norm] | undefined {
  const { inChannels, stride } = options;
  if (stride === 1 && inChannels === outChannels) return undefined;
  const conv = new Conv2d(context, { inChannels, outChannels, kernel: 1, stride, bias: false });
  return [conv, makeNorm(context, outChannels, options)];
}

const along = (x: Tensor, downsample: [Conv2d, Norm] | undefined) =>
  downsample ? convNorm(x, { conv: downsample[0], norm: downsample[1] }) : x;

/** Two 3 × 3 convolutions. */
class BasicBlock extends Block {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: Norm;
  readonly conv2: Conv2d;
  readonly bn2: Norm;
  readonly downsample: [Conv2d, Norm] | undefined;

  constructor(context: ModuleContext, options: BlockOptions) {
    super();
    const { inChannels, width, stride, dilation } = options;
    if (dilation > 1) throw new DinogradError("config", "dilation: expected a ResNet with bottlenecks (50 or 101)");
    this.conv1 = new Conv2d(context, {
      inChannels,
      outChannels: width,
      kernel: 3,
      stride,
      padding: 1,
      bias: false,
    });
    this.bn1 = makeNorm(context, width, options);
    this.conv2 = new Conv2d(context, { inChannels: width, outChannels: width, kernel: 3, padding: 1, bias: false });
    this.bn2 = makeNorm(context, width, options);
    this.downsample = shortcut(context, options, width);
  }

  forward(x: Tensor): Tensor {
    const inner = convNorm(x, { conv: this.conv1, norm: this.bn1 }, { activation: "relu" });
    const residual = along(x, this.downsample);
    return convNorm(inner, { conv: this.conv2, norm: this.bn2 }, { residual, activation: "relu" });
  }
}

/** 1 × 1 to fewer channels, 3 × 3, 1 × 1 to four times as many. */
class Bottleneck extends Block {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: Norm;
  readonly conv2: Conv2d;
  readonly bn2: Norm;
  readonly conv3: Conv2d;
  readonly bn3: Norm;
  readonly downsample: [Conv2d, Norm] | undefined;

  constructor(context: ModuleContext, options: BlockOptions) {
    super();
    const { inChannels, width, stride, dilation } = options;
    const outChannels = width * Bottleneck.expansion;
    this.conv1 = new Conv2d(context, { inChannels, outChannels: width, kernel: 1, bias: false });
    this.bn1 = makeNorm(context, width, options);
    this.conv2 = new Conv2d(context, {
      inChannels: width,
      outChannels: width,
      kernel: 3,
      stride,
      padding: dilation,
      dilation,
      bias: false,
    });
    this.bn2 = makeNorm(context, width, options);
    this.conv3 = new Conv2d(context, { inChannels: width, outChannels, kernel: 1, bias: false });
    this.bn3 = makeNorm(context, outChannels, options);
    this.downsample = shortcut(context, options, outChannels);
  }

  forward(x: Tensor): Tensor {
    const narrow = convNorm(x, { conv: this.conv1, norm: this.bn1 }, { activation: "relu" });
    const inner = convNorm(narrow, { conv: this.conv2, norm: this.bn2 }, { activation: "relu" });
    const residual = along(x, this.downsample);
    return convNorm(inner, { conv: this.conv3, norm: this.bn3 }, { residual, activation: "relu" });
  }
}

const BLOCKS: Readonly<Record<ResNetArchitecture["block"], BlockType>> = { basic: BasicBlock, bottleneck: Bottleneck };

/** The network itself; its names are torchvision's. */
class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Norm;
  readonly layer1: readonly Block[];
  readonly layer2: readonly Block[];
  readonly layer3: readonly Block[];
  readonly layer4: readonly Block[];
  readonly #pools: boolean;
  readonly #options: BackboneOptions;

  constructor(
    context: ModuleContext,
    { block, depths, widths, stem }: ResNetArchitecture,
    options: BackboneOptions,
  ) {
    super();
    this.#options = options;
    this.#pools = stem.kernel === 7;
    const strides = [this.#pools ? 1 : 2, 2, 2, 2];
    const Made = BLOCKS[block];
    this.conv1 = new Conv2d(context, {
      inChannels: 3,
      outChannels: stem.width,
      kernel: stem.kernel,
      stride: 2,
      padding: (stem.kernel - 1) / 2,
      bias: false,
    });
    this.bn1 = makeNorm(context, stem.width, options);
    let inChannels = stem.width;
    const stages = depths.map((depth, stage) => {
      const dilated = options.dilation && stage === 3;
      return Array.from({ length: depth }, (_, i) => {
        const made = new Made(context, {
          ...{ norm: options.norm, groupChannels: options.groupChannels, inChannels, width: widths[stage] },
          stride: i === 0 && !dilated ? strides[stage] : 1,
          dilation: dilated && i > 0 ? strides[stage] : 1,
        });
        inChannels = widths[stage] * Made.expansion;
        return made;
      });
    });
    [this.layer1, this.layer2, this.layer3, this.layer4] = stages;
  }

  /** The last `outputs` of the four stages. */
  forward(images: Tensor): Tensor[] {
    return scoped((inner) => {
      let x = tidy(() => {
        const stem = convNorm(images, { conv: this.conv1, norm: this.bn1 }, { activation: "relu" });
        return this.#pools ? maxPool2d(stem, { kernel: 3, stride: 2, padding: 1 }) : stem;
      });
      const stages = [this.layer1, this.layer2, this.layer3, this.layer4];
      const features: Tensor[] = [];
      stages.forEach((blocks, stage) => {
        for (const block of blocks) {
          const before = x;
          x = this.#options.gradientCheckpoint && isRecording()
            ? gradientCheckpoint(([input]) => block.forward(input), [before])
            : tidy(() => block.forward(before));
          if (!features.includes(before)) before.dispose();
        }
        if (stage >= stages.length - this.#options.outputs) features.push(inner.keep(x));
      });
      return features;
    });
  }
}

/** A ResNet as the detector's backbone; its parameters stand under `body`. */
export class ResNetBackbone extends Backbone {
  readonly body: ResNet;
  readonly channels: readonly number[];

  constructor(context: ModuleContext, architecture: ResNetArchitecture, options: BackboneOptions) {
    super();
    const { block, widths, stem } = architecture;
    this.body = new ResNet(context, architecture, options);
    this.channels = widths.map((width) => width * BLOCKS[block].expansion).slice(4 - options.outputs);
    const isPretrained = stem.kernel === 7;
    for (const [name, parameter] of this.parameters()) {
      if (parameter.rank === 4) kaimingNormal(parameter, context.random);
      if (isPretrained && !/layer[234]/.test(name)) parameter.requiresGrad = false;
    }
  }

  forward(images: Tensor): Tensor[] {
    return this.body.forward(images);
  }
}
