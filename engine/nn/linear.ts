/** The linear layer. */

import { linear, type LinearOptions } from "../ops/linear.ts";
import type { Tensor } from "../tensor.ts";
import { defaultBound, uniform } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";
import { Parameter } from "../parameter.ts";

/**
 * x Wᵀ + b.
 *
 * @category Layers
 */
export class Linear extends Module {
  /** [outFeatures, inFeatures] */
  readonly weight: Parameter;
  /** [outFeatures] */
  readonly bias: Parameter | undefined;

  /** Draws weight and bias as PyTorch does: uniform in ±1/√inFeatures. `bias`: default true. */
  constructor(
    context: ModuleContext,
    options: { readonly inFeatures: number; readonly outFeatures: number; readonly bias?: boolean },
  ) {
    super();
    const { inFeatures, outFeatures, bias = true } = options;
    const bound = defaultBound(inFeatures);
    const shape = [outFeatures, inFeatures];
    this.weight = new Parameter(context, shape, uniform(context, shape, bound));
    this.bias = bias ? new Parameter(context, [outFeatures], uniform(context, [outFeatures], bound)) : undefined;
  }

  /** [..., inFeatures] to [..., outFeatures]. */
  forward(x: Tensor, options: LinearOptions = {}): Tensor {
    return linear(x, { weight: this.weight, bias: this.bias }, options);
  }
}
