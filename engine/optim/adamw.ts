/**
 * AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2), in the order of
 * operations of PyTorch:
 *
 *     p ← p (1 − lr·λ)
 *     m ← β1 m + (1 − β1) g        v ← β2 v + (1 − β2) g²
 *     p ← p − lr / (1 − β1ᵗ) · m / (√v / √(1 − β2ᵗ) + ε)
 */

import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { Optimizer, type ParameterGroup, type ParameterUpdate, updateShape } from "./optimizer.ts";

/** With `restN` 1 − βN, `stepSize` lr / (1 − β1ᵗ) and `root` 1 / √(1 − β2ᵗ). `clip` is the coefficient of all gradients. */
const kernel = defineRows({
  name: "adamw",
  inputs: ["parameter", "mean", "square", "gradient", "clip"],
  scalars: ["decay", "beta1", "rest1", "beta2", "rest2", "stepSize", "root", "epsilon"],
  define: ({ parameter, mean, square, gradient, clip, decay, beta1, rest1, beta2, rest2, stepSize, root, epsilon }) => {
    const g = gradient.mul(clip);
    const newMean = mean.mul(beta1).add(g.mul(rest1));
    const newSquare = square.mul(beta2).add(g.square().mul(rest2));
    return {
      parameter: parameter.mul(decay).sub(newMean.div(newSquare.sqrt().mul(root).add(epsilon)).mul(stepSize)),
      mean: newMean,
      square: newSquare,
    };
  },
});

/**
 * The decay of the moments.
 *
 * @category Optimizers
 */
export interface AdamWOptions {
  /** Default 0.9; a step may override it. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101, algorithm 2), in PyTorch's order of
 * arithmetic.
 *
 * @category Optimizers
 */
export class AdamW extends Optimizer {
  /** The decaying means of gradients (m) and of their squares (v). */
  override readonly moments = ["exp_avg", "exp_avg_sq"];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;

  /**
   * A parameter is in one group only, under a name of its own.
   * @throws {ArgumentError} where one is in two groups or two have one name
   */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    super(groups);
    this.#beta1 = options.beta1 ?? 0.9;
    this.#beta2 = options.beta2 ?? 0.999;
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  /** One step of the algorithm, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const { count, learningRate, weightDecay, gradient, coefficient } = how;
    const beta1 = how.momentum ?? this.#beta1;
    const beta2 = this.#beta2;
    const [mean, square] = this.moments.map((kind) => this.moment(kind, name, parameter));
    kernel.launch(updateShape(parameter), {
      ...{ parameter, mean, square, gradient, clip: coefficient },
      ...{ decay: 1 - learningRate * weightDecay, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 },
      stepSize: learningRate / (1 - beta1 ** count),
      root: 1 / Math.sqrt(1 - beta2 ** count),
      epsilon: this.#epsilon,
    });
  }
}
