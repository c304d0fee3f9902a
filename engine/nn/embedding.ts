/** A table of learned vectors. */

import { embedding } from "../ops/gather.ts";
import type { Tensor } from "../tensor.ts";
import { normal } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";
import { Parameter } from "../parameter.ts";

/**
 * A table of learned rows.
 *
 * @category Layers
 */
export class Embedding extends Module {
  /** [rows, features] */
  readonly weight: Parameter;

  /** Draws the rows from the standard normal distribution. */
  constructor(context: ModuleContext, options: { readonly rows: number; readonly features: number }) {
    super();
    const shape = [options.rows, options.features];
    this.weight = new Parameter(context, shape, normal(context, shape));
  }

  /** Integers [...] in 0..rows-1 to [..., features]. */
  forward(indices: Tensor): Tensor {
    return embedding(this.weight, indices);
  }
}
