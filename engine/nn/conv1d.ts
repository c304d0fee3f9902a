/** The convolutional layer along one axis. */

import { conv1d } from "../ops/conv1d.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { Conv2dLayerOptions } from "./conv2d.ts";
import { defaultBound, uniform } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * A convolution along one axis with its weights.
 *
 * @category Layers
 */
export class Conv1d extends Module {
  /** [outChannels, inChannels / groups, kernel] */
  readonly weight: Parameter;
  /** [outChannels] */
  readonly bias: Parameter | undefined;
  readonly #geometry: { stride?: number; padding?: number; dilation?: number; groups?: number };

  /** Sizes as of `Conv2d`. Draws weight and bias as PyTorch does: uniform in ±1/√(inputs of a sum). */
  constructor(context: ModuleContext, options: Conv2dLayerOptions) {
    super();
    const { inChannels, outChannels, kernel, bias = true, ...geometry } = options;
    const shape = [outChannels, inChannels / (geometry.groups ?? 1), kernel];
    const bound = defaultBound(shape[1] * kernel);
    this.weight = new Parameter(context, shape, uniform(context, shape, bound));
    this.bias = bias ? new Parameter(context, [outChannels], uniform(context, [outChannels], bound)) : undefined;
    this.#geometry = geometry;
  }

  /** [N, inChannels, L] to [N, outChannels, L']. */
  forward(x: Tensor): Tensor {
    return conv1d(x, { weight: this.weight, bias: this.bias }, this.#geometry);
  }
}
