/** Layers that drop something while training and do nothing otherwise. */

import { dropout, dropPath } from "../ops/dropout.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { Module, type ModuleContext } from "./module.ts";

/** Has a probability and a stream that decides. */
abstract class Drops extends Module {
  protected readonly probability: number;
  protected readonly noise: RandomStream;

  /** @param options.probability of dropping, 0..1 */
  constructor(context: ModuleContext, options: { readonly probability: number }) {
    super();
    this.probability = options.probability;
    this.noise = context.noise ?? context.random;
  }
}

/** Drops elements: each becomes 0, or is divided by what is left of probability. */
export class Dropout extends Drops {
  /** Any shape. */
  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.probability, this.noise) : x;
  }
}

/** Drops whole samples of a residual branch: stochastic depth (Huang et al., arXiv:1603.09382). */
export class DropPath extends Drops {
  /** [N, ...] */
  forward(x: Tensor): Tensor {
    return this.training ? dropPath(x, this.probability, this.noise) : x;
  }
}
