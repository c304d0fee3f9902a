/**
 * Stochastic gradient descent with momentum, as PyTorch's: the weight decay joins the gradient, the first step sets the
 * momentum to the gradient itself.
 *
 *     g ← g + λ p        b ← μ b + g  (b = g at first)        p ← p − lr b
 */

import { input, scalar } from "../kernel/language/expr.ts";
import type { Parameter } from "../nn/module.ts";
import { PointwiseKernel } from "../ops/pointwise_kernel.ts";
import { launchUpdate, Optimizer, type ParameterGroup, type ParameterUpdate } from "./optimizer.ts";

const [parameter, velocity] = [input(0), input(1)];
const gradient = input(2).mul(input(3)).add(parameter.mul(scalar(2)));
const newVelocity = velocity.mul(scalar(1)).add(gradient);

// The buffer starts at zero, so "b = g at first" follows from μ·0 + g.
const kernel = new PointwiseKernel("sgd", [
  { per: "element", value: parameter.sub(newVelocity.mul(scalar(0))), into: 0 },
  { per: "element", value: newVelocity, into: 1 },
], 3);

/** Gradient descent with momentum, as in PyTorch. */
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
    const moments = [this.moment("momentum_buffer", name, parameter)];
    launchUpdate(kernel, { parameter, moments, how }, [
      how.learningRate,
      how.momentum ?? this.#momentum,
      how.weightDecay,
    ]);
  }
}
