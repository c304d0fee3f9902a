/** Dropout (Srivastava et al., 2014): in training, zeros a share of the elements and scales the others up. */

import { dropout } from "../ops/dropout.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { Module, type ModuleContext } from "./module.ts";

export class Dropout extends Module {
  readonly probability: number;
  readonly #stream: RandomStream;

  constructor(context: ModuleContext, { probability }: { probability: number }) {
    super();
    this.probability = probability;
    this.#stream = context.noise ?? context.random;
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.probability, this.#stream) : x;
  }
}
