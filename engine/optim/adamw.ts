/**
 * AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2), in the order of
 * operations of PyTorch:
 *
 *     p ← p (1 − lr·λ)
 *     m ← β1 m + (1 − β1) g        v ← β2 v + (1 − β2) g²
 *     p ← p − lr / (1 − β1ᵗ) · m / (√v / √(1 − β2ᵗ) + ε)
 */

import { input, scalar } from "../kernel/language/expr.ts";
import type { Parameter } from "../nn/module.ts";
import { PointwiseKernel } from "../ops/pointwise_kernel.ts";
import { launchUpdate, Optimizer, type ParameterGroup, type ParameterUpdate } from "./optimizer.ts";

const [parameter, mean, square] = [input(0), input(1), input(2)];
const gradient = input(3).mul(input(4));
const [decay, beta1, rest1, beta2, rest2, stepSize, root, epsilon] = Array.from({ length: 8 }, (_, i) => scalar(i));
const newMean = mean.mul(beta1).add(gradient.mul(rest1));
const newSquare = square.mul(beta2).add(gradient.square().mul(rest2));

const kernel = new PointwiseKernel("adamw", [
  {
    per: "element",
    value: parameter.mul(decay).sub(newMean.div(newSquare.sqrt().mul(root).add(epsilon)).mul(stepSize)),
    into: 0,
  },
  { per: "element", value: newMean, into: 1 },
  { per: "element", value: newSquare, into: 2 },
], 8);

/** The decay of the moments. */
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
 */
export class AdamW extends Optimizer {
  /** The decaying means of gradients (m) and of their squares (v). */
  override readonly moments = ["exp_avg", "exp_avg_sq"];
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;

  /** A parameter is in one group only. @throws RangeError where one is in two */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    super(groups);
    this.#beta1 = options.beta1 ?? 0.9;
    this.#beta2 = options.beta2 ?? 0.999;
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  /** One step of the algorithm, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const { count, learningRate, weightDecay } = how;
    const first = how.momentum ?? this.#beta1;
    const second = this.#beta2;
    const moments = this.moments.map((kind) => this.moment(kind, name, parameter));
    launchUpdate(kernel, { parameter, moments, how }, [
      1 - learningRate * weightDecay,
      first,
      1 - first,
      second,
      1 - second,
      learningRate / (1 - first ** count),
      1 / Math.sqrt(1 - second ** count),
      this.#epsilon,
    ]);
  }
}
