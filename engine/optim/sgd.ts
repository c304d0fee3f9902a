/**
 * Stochastic gradient descent with momentum, as PyTorch's: the weight decay joins the gradient, the first step sets the
 * momentum to the gradient itself.
 *
 *     g ← g + λ p        b ← μ b + g  (b = g at first)        p ← p − lr b
 */

import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { Optimizer, type ParameterGroup, type ParameterUpdate, updateShape } from "./optimizer.ts";

/** The buffer starts at zero, so "b = g at first" follows from μ·0 + g. `clip` is the coefficient of all gradients. */
const kernel = defineRows({
  name: "sgd",
  inputs: ["parameter", "velocity", "gradient", "clip"],
  scalars: ["learningRate", "momentum", "weightDecay"],
  define: ({ parameter, velocity, gradient, clip, learningRate, momentum, weightDecay }) => {
    const g = gradient.mul(clip).add(parameter.mul(weightDecay));
    const newVelocity = velocity.mul(momentum).add(g);
    return { parameter: parameter.sub(newVelocity.mul(learningRate)), velocity: newVelocity };
  },
});

/**
 * Gradient descent with momentum, as in PyTorch.
 *
 * @category Optimizers
 */
export class SGD extends Optimizer {
  /** b of the update. */
  override readonly moments = ["momentum_buffer"];
  readonly #momentum: number;

  /** `momentum`: default 0.9. */
  constructor(groups: readonly ParameterGroup[], options: { readonly momentum?: number } = {}) {
    super(groups);
    this.#momentum = options.momentum ?? 0.9;
  }

  /** One step of the update, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const velocity = this.moment("momentum_buffer", name, parameter);
    const { gradient, coefficient, learningRate, weightDecay, momentum = this.#momentum } = how;
    kernel.launch(updateShape(parameter), {
      ...{ parameter, velocity, gradient, clip: coefficient },
      ...{ learningRate, momentum, weightDecay },
    });
  }
}
