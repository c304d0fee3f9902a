/** Layers that drop something while training and do nothing otherwise. Each draws from its context's noise. */

import { dropout, dropPath } from "../ops/dropout.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * Drops elements with a probability in 0..1 and scales up the others, so that the expectation stays.
 *
 * @category Layers
 */
export class Dropout extends Module {
  readonly #probability: number;
  readonly #noise: RandomStream;

  /** A layer without parameters. */
  constructor(context: ModuleContext, options: { readonly probability: number }) {
    super();
    this.#probability = options.probability;
    this.#noise = context.noise ?? context.random;
  }

  /** Any shape. */
  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.#probability, this.#noise) : x;
  }
}

/**
 * Drops whole samples of a residual branch: stochastic depth (Huang et al., arXiv:1603.09382).
 *
 * @category Layers
 */
export class DropPath extends Module {
  readonly #probability: number;
  readonly #noise: RandomStream;

  /** A layer without parameters. */
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
