/** A table of learned rows. */

import { embedding } from "../ops/gather.ts";
import type { Tensor } from "../tensor.ts";
import { Module, type ModuleContext, Parameter } from "./module.ts";

export class Embedding extends Module {
  /** [rows, features], standard normal at first. */
  readonly weight: Parameter;

  constructor(context: ModuleContext, { rows, features }: { rows: number; features: number }) {
    super();
    const values = Float32Array.from({ length: rows * features }, () => context.random.normal());
    this.weight = new Parameter(context, [rows, features], values);
  }

  /** Indices (i32) of any shape [...]: [..., features]. */
  forward(indices: Tensor): Tensor {
    return embedding(this.weight, indices);
  }
}
