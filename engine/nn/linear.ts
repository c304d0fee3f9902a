/** A fully connected layer: y = x·Wᵀ + b. */

import { linear, type LinearOptions } from "../ops/linear.ts";
import type { Tensor } from "../tensor.ts";
import { uniformFanIn } from "./initial.ts";
import { Module, type ModuleContext, Parameter } from "./module.ts";

export class Linear extends Module {
  /** [outFeatures, inFeatures] */
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(
    context: ModuleContext,
    { inFeatures, outFeatures, bias = true }: { inFeatures: number; outFeatures: number; bias?: boolean },
  ) {
    super();
    const { random } = context;
    const size = inFeatures * outFeatures;
    this.weight = new Parameter(context, [outFeatures, inFeatures], uniformFanIn(random, size, inFeatures));
    this.bias = bias ? new Parameter(context, [outFeatures], uniformFanIn(random, outFeatures, inFeatures)) : undefined;
  }

  /** x [..., inFeatures]: [..., outFeatures]. */
  forward(x: Tensor, options: LinearOptions = {}): Tensor {
    return linear(x, { weight: this.weight, bias: this.bias }, options);
  }
}
