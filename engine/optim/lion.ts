/**
 * Lion (Chen et al., "Symbolic discovery of optimization algorithms", arXiv:2302.06675, algorithm 2):
 *
 *     p ← p (1 − lr·λ)        p ← p − lr · sign(β1 m + (1 − β1) g)        m ← β2 m + (1 − β2) g
 */

import { select } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { Optimizer, type ParameterGroup, type ParameterUpdate, updateShape } from "./optimizer.ts";

/** With `restN` 1 − βN. `clip` is the coefficient of all gradients. */
const kernel = defineRows({
  name: "lion",
  inputs: ["parameter", "mean", "gradient", "clip"],
  scalars: ["learningRate", "decay", "beta1", "rest1", "beta2", "rest2"],
  define: ({ parameter, mean, gradient, clip, learningRate, decay, beta1, rest1, beta2, rest2 }) => {
    const g = gradient.mul(clip);
    const direction = mean.mul(beta1).add(g.mul(rest1));
    const step = select(direction.gt(0), learningRate, select(direction.lt(0), learningRate.neg(), direction));
    return { parameter: parameter.mul(decay).sub(step), mean: mean.mul(beta2).add(g.mul(rest2)) };
  },
});

/**
 * The decay of the moment.
 *
 * @category Optimizers
 */
export interface LionOptions {
  /** How much the moment counts beside the gradient in a step; a step may override it. Default 0.9. */
  readonly beta1?: number;
  /** How much of the moment stays. Default 0.99. */
  readonly beta2?: number;
}

/**
 * Steps of one size by the sign of a moment (Chen et al., arXiv:2302.06675). Wants a learning rate some three to ten times
 * smaller than AdamW's, and a weight decay as much larger.
 *
 * @category Optimizers
 */
export class Lion extends Optimizer {
  /** m of the update. */
  override readonly moments = ["exp_avg"];
  readonly #beta1: number;
  readonly #beta2: number;

  /**
   * A parameter is in one group only.
   * @throws {RangeError} where one is in two
   */
  constructor(groups: readonly ParameterGroup[], options: LionOptions = {}) {
    super(groups);
    this.#beta1 = options.beta1 ?? 0.9;
    this.#beta2 = options.beta2 ?? 0.99;
  }

  /** One step of the update, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const { gradient, coefficient, learningRate, weightDecay, momentum: beta1 = this.#beta1 } = how;
    const beta2 = this.#beta2;
    kernel.launch(updateShape(parameter), {
      ...{ parameter, mean: this.moment("exp_avg", name, parameter), gradient, clip: coefficient },
      ...{ learningRate, decay: 1 - learningRate * weightDecay },
      ...{ beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 },
    });
  }
}
