/** The convolutional layer. */

import { ArgumentError } from "../errors.ts";
import { conv2d } from "../ops/conv.ts";
import type { Conv2dOptions } from "../ops/conv_options.ts";
import type { Tensor } from "../tensor.ts";
import { defaultBound, uniform } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";
import { Parameter } from "../parameter.ts";

/**
 * Sizes of a convolution. By default stride, dilation and groups are 1, padding 0, and there is a bias.
 *
 * @category Layers
 */
export interface Conv2dLayerOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Side of the square window. */
  readonly kernel: number;
  /** Pixels between neighbouring windows, on both axes. Default 1. */
  readonly stride?: number;
  /** Zeros on each side of the image. Default 0. */
  readonly padding?: number;
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: number;
  /** Parts of the channels that know nothing of each other; divides both numbers of channels. Default 1. */
  readonly groups?: number;
  /** Whether a number is added to each output channel. Default true. */
  readonly bias?: boolean;
}

/**
 * A convolution with its weights.
 *
 * @category Layers
 */
export class Conv2d extends Module {
  /** [outChannels, inChannels / groups, kernel, kernel] */
  readonly weight: Parameter;
  /** [outChannels] */
  readonly bias: Parameter | undefined;
  /** Pixels between neighbouring windows. */
  readonly stride: number;
  /** Zeros on each side of the image. */
  readonly padding: number;
  /** Distance between the window's taps. */
  readonly dilation: number;
  /** Parts of the channels that know nothing of each other. */
  readonly groups: number;

  /**
   * Draws weight and bias as PyTorch does: uniform in ±1/√(inputs of a sum).
   * @throws {RangeError} where the groups do not divide the channels
   */
  constructor(context: ModuleContext, options: Conv2dLayerOptions) {
    super();
    const { inChannels, outChannels, kernel, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
    if (!(groups > 0 && inChannels % groups === 0 && outChannels % groups === 0)) {
      throw new ArgumentError(
        `Conv2d: expected groups that divide the channels but found ${groups} of ${inChannels} to ${outChannels} channels`,
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
    const { weight, bias, stride, padding, dilation, groups } = this;
    return conv2d(x, { weight, bias }, { stride, padding, dilation, groups, ...options });
  }
}
