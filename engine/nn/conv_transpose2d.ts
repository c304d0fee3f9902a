/** The transposed convolutional layer. */

import { convTranspose2d } from "../ops/conv_transpose.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { Conv2dLayerOptions } from "./conv2d.ts";
import { defaultBound, uniform } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * Sizes of a transposed convolution.
 *
 * @category Layers
 */
export interface ConvTranspose2dLayerOptions extends Omit<Conv2dLayerOptions, "groups"> {
  /** Pixels added below and on the right; less than the stride. Default 0. */
  readonly outputPadding?: number;
}

/**
 * A transposed convolution with its weights.
 *
 * @category Layers
 */
export class ConvTranspose2d extends Module {
  /** [inChannels, outChannels, kernel, kernel] */
  readonly weight: Parameter;
  /** [outChannels] */
  readonly bias: Parameter | undefined;
  readonly #geometry: { stride?: number; padding?: number; dilation?: number; outputPadding?: number };

  /** Draws weight and bias as PyTorch does: uniform in ±1/√(outChannels · kernel²). */
  constructor(context: ModuleContext, options: ConvTranspose2dLayerOptions) {
    super();
    const { inChannels, outChannels, kernel, bias = true, ...geometry } = options;
    const shape = [inChannels, outChannels, kernel, kernel];
    const bound = defaultBound(outChannels * kernel * kernel);
    this.weight = new Parameter(context, shape, uniform(context, shape, bound));
    this.bias = bias ? new Parameter(context, [outChannels], uniform(context, [outChannels], bound)) : undefined;
    this.#geometry = geometry;
  }

  /** [N, inChannels, H, W] to [N, outChannels, H', W']. */
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, { weight: this.weight, bias: this.bias }, this.#geometry);
  }
}
