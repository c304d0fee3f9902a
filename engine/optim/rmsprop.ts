/**
 * RMSprop (Hinton's lecture 6e, 2012), as PyTorch's:
 *
 *     g ← g + λ p        v ← α v + (1 − α) g²        u = g / (√v + ε)
 *     p ← p − lr u,  or with momentum  b ← μ b + u,  p ← p − lr b
 */

import type { Expr } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { Optimizer, type ParameterGroup, type ParameterUpdate, updateShape } from "./optimizer.ts";

const SCALARS = ["learningRate", "smoothing", "rest", "epsilon", "weightDecay"] as const;

/** v and u. `rest` is 1 − α, `clip` the coefficient of all gradients. */
function scaledGradient(
  { parameter, square, gradient, clip, smoothing, rest, epsilon, weightDecay }: Readonly<
    Record<"parameter" | "square" | "gradient" | "clip" | typeof SCALARS[number], Expr>
  >,
) {
  const g = gradient.mul(clip).add(parameter.mul(weightDecay));
  const newSquare = square.mul(smoothing).add(g.square().mul(rest));
  return { square: newSquare, update: g.div(newSquare.sqrt().add(epsilon)) };
}

const plain = defineRows({
  name: "rmsprop",
  inputs: ["parameter", "square", "gradient", "clip"],
  scalars: SCALARS,
  define: (each) => {
    const { square, update } = scaledGradient(each);
    return { parameter: each.parameter.sub(update.mul(each.learningRate)), square };
  },
});
const withMomentum = defineRows({
  name: "rmsprop_momentum",
  inputs: ["parameter", "square", "velocity", "gradient", "clip"],
  scalars: [...SCALARS, "momentum"],
  define: ({ velocity, momentum, ...each }) => {
    const { square, update } = scaledGradient(each);
    const newVelocity = velocity.mul(momentum).add(update);
    return { parameter: each.parameter.sub(newVelocity.mul(each.learningRate)), square, velocity: newVelocity };
  },
});

/**
 * The decay of the moments.
 *
 * @category Optimizers
 */
export interface RMSpropOptions {
  /** α: how much of the mean of squares stays. Default 0.99. */
  readonly smoothing?: number;
  /** ε, added to its root. Default 1e-8. */
  readonly epsilon?: number;
  /** μ; a step may override it. Default 0. */
  readonly momentum?: number;
}

/**
 * Gradient descent by each gradient over the root of its mean square, as in PyTorch.
 *
 * @category Optimizers
 */
export class RMSprop extends Optimizer {
  /** v of the update, and b, where there is momentum. */
  override readonly moments = ["square_avg", "momentum_buffer"];
  readonly #smoothing: number;
  readonly #epsilon: number;
  readonly #momentum: number;

  /**
   * A parameter is in one group only.
   * @throws {RangeError} where one is in two
   */
  constructor(groups: readonly ParameterGroup[], options: RMSpropOptions = {}) {
    super(groups);
    this.#smoothing = options.smoothing ?? 0.99;
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#momentum = options.momentum ?? 0;
  }

  /** One step of the update, for one parameter. */
  protected override update(name: string, parameter: Parameter, how: ParameterUpdate): void {
    const { gradient, coefficient, learningRate, weightDecay, momentum = this.#momentum } = how;
    const shape = updateShape(parameter);
    const square = this.moment("square_avg", name, parameter);
    const smoothing = this.#smoothing;
    const call = {
      ...{ parameter, square, gradient, clip: coefficient },
      ...{ learningRate, smoothing, rest: 1 - smoothing, epsilon: this.#epsilon, weightDecay },
    };
    if (momentum === 0) return plain.launch(shape, call);
    withMomentum.launch(shape, { ...call, velocity: this.moment("momentum_buffer", name, parameter), momentum });
  }
}
