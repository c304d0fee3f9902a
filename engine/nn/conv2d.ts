/** A 2-d convolution. */

import { conv2d } from "../ops/conv.ts";
import type { Tensor } from "../tensor.ts";
import { uniformFanIn } from "./initial.ts";
import { Module, type ModuleContext, Parameter } from "./module.ts";

export interface Conv2dLayerOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Side of the square window. */
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly bias?: boolean;
}

export class Conv2d extends Module {
  /** [outChannels, inChannels, kernel, kernel] */
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;

  constructor(context: ModuleContext, options: Conv2dLayerOptions) {
    super();
    const { inChannels, outChannels, kernel, bias = true } = options;
    const fanIn = inChannels * kernel * kernel;
    const { random } = context;
    const weight = uniformFanIn(random, outChannels * fanIn, fanIn);
    this.weight = new Parameter(context, [outChannels, inChannels, kernel, kernel], weight);
    this.bias = bias ? new Parameter(context, [outChannels], uniformFanIn(random, outChannels, fanIn)) : undefined;
    this.stride = options.stride ?? 1;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
  }

  /** Images [N, inChannels, H, W]. */
  forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation } = this;
    return conv2d(x, { weight, bias }, { stride, padding, dilation });
  }
}
