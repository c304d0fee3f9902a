/** Layers that drop something while training and do nothing otherwise. */

import { dropout, dropPath } from "../ops/dropout.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { Module, type ModuleContext } from "./module.ts";

/** Drops elements. */
export class Dropout extends Module {
  readonly #probability: number;
  readonly #noise: RandomStream;

  constructor(context: ModuleContext, options: { readonly probability: number }) {
    super();
    this.#probability = options.probability;
    this.#noise = context.noise ?? context.random;
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.#probability, this.#noise) : x;
  }
}

/** Drops whole samples of a residual branch: stochastic depth. */
export class DropPath extends Module {
  readonly #probability: number;
  readonly #noise: RandomStream;

  constructor(context: ModuleContext, options: { readonly probability: number }) {
    super();
    this.#probability = options.probability;
    this.#noise = context.noise ?? context.random;
  }

  /** [N, ...] */
  forward(x: Tensor): Tensor {
    return this.training ? dropPath(x, this.#probability, this.#noise) : x;
  }
}
