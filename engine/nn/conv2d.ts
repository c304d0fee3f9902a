/** The convolutional layer. */

import { conv2d, type Conv2dOptions } from "../ops/conv.ts";
import { depthwiseConv2d } from "../ops/depthwise_conv.ts";
import type { Tensor } from "../tensor.ts";
import { defaultBound, uniform } from "./initial.ts";
import { Module, type ModuleContext, Parameter } from "./module.ts";

/** Sizes of a convolution. By default stride, dilation and groups are 1, padding 0, and there is a bias. */
export interface Conv2dLayerOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Side of the square window. */
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  /** 1, or as many as there are channels (depthwise; stride and dilation 1). */
  readonly groups?: number;
  readonly bias?: boolean;
}

/** A convolution with its weights. */
export class Conv2d extends Module {
  /** [outChannels, inChannels / groups, kernel, kernel] */
  readonly weight: Parameter;
  /** [outChannels] */
  readonly bias: Parameter | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;

  constructor(context: ModuleContext, options: Conv2dLayerOptions) {
    super();
    const { inChannels, outChannels, kernel, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
    const depthwise = groups === inChannels && groups === outChannels && stride === 1 && dilation === 1;
    if (groups !== 1 && !depthwise) {
      throw new RangeError(
        `Conv2d: expected 1 group, or one per channel at stride and dilation 1, but found ${groups} groups of ${inChannels} to ${outChannels} channels`,
      );
    }
    const shape = [outChannels, inChannels / groups, kernel, kernel];
    const bound = defaultBound(shape[1] * kernel * kernel);
    this.weight = new Parameter(context, shape, uniform(context, shape, bound));
    this.bias = bias ? new Parameter(context, [outChannels], uniform(context, [outChannels], bound)) : undefined;
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
  }

  /** [N, inChannels, H, W] to [N, outChannels, H', W']. */
  forward(x: Tensor, options: Pick<Conv2dOptions, "activation"> = {}): Tensor {
    const { weight, bias, stride, padding, dilation } = this;
    if (this.groups === 1) return conv2d(x, { weight, bias }, { stride, padding, dilation, ...options });
    const result = depthwiseConv2d(x, { weight, bias }, { padding });
    return options.activation ? result.relu() : result;
  }
}
