/**
 * Adagrad (Duchi et al., JMLR 2011), as PyTorch's:
 *
 *     g ← g + λ p        s ← s + g²        p ← p − lr / (1 + (t − 1) δ) · g / (√s + ε)
 */

import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { Optimizer, type ParameterGroup, type ParameterUpdate, updateShape } from "./optimizer.ts";

/** `clip` is the coefficient of all gradients. */
const kernel = defineRows({
  name: "adagrad",
  inputs: ["parameter", "sum", "gradient", "clip"],
  scalars: ["learningRate", "epsilon", "weightDecay"],
  define: ({ parameter, sum, gradient, clip, learningRate, epsilon, weightDecay }) => {
    const g = gradient.mul(clip).add(parameter.mul(weightDecay));
    const newSum = sum.add(g.square());
    return { parameter: parameter.sub(g.div(newSum.sqrt().add(epsilon)).mul(learningRate)), sum: newSum };
  },
});

/**
 * How the rate falls.
 *
 * @category Optimizers
 */
export interface AdagradOptions {
  /** δ: what the rate is divided by grows by this with every step. Default 0. */
  readonly rateDecay?: number;
  /** ε, added to the root of the sum of squares. Default 1e-10. */
  readonly epsilon?: number;
}

/**
 * Gradient descent by each gradient over the root of the sum of all its squares so far, as in PyTorch.
 *
 * @category Optimizers
 */
export class Adagrad extends Optimizer {
  /** s of the update. */
  override readonly moments = ["sum"];
  readonly #rateDecay: number;
  readonly #epsilon: number;

  /**
   * A parameter is in one group only.
   * @throws {RangeError} where one is in two
   */
  constructor(groups: readonly ParameterGroup[], options: AdagradOptions = {}) {
    super(groups);
    this.#rateDecay = options.rateDecay ?? 0;
    this.#epsilon = options.epsilon ?? 1e-10;
  }

  /** One step of the update, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const { count, gradient, coefficient, weightDecay } = how;
    kernel.launch(updateShape(parameter), {
      ...{ parameter, sum: this.moment("sum", name, parameter), gradient, clip: coefficient },
      ...{ epsilon: this.#epsilon, weightDecay },
      learningRate: how.learningRate / (1 + (count - 1) * this.#rateDecay),
    });
  }
}
