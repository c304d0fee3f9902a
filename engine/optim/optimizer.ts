/**
 * What the optimizers share: parameter groups, step counts and moments by parameter name, and how their state leaves
 * and enters. An update reads and writes a parameter and its moments in place, in one kernel.
 */

import { withoutGradient } from "../autograd.ts";
import type { Parameter } from "../parameter.ts";
import { requireCount } from "../counted.ts";
import { describe } from "../describe.ts";
import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, type Shape } from "../shape.ts";
import { outsideScopes } from "../scope.ts";
import { full, type Tensor, tensor, zeros } from "../tensor.ts";
import type { TensorData } from "../dtype.ts";
import { claim, Strays } from "../unclaimed.ts";

/**
 * Parameters that share learning rate and weight decay.
 *
 * @category Optimizers
 */
export interface ParameterGroup {
  /** What messages and records call it. */
  readonly name: string;
  /** Names and parameters; a parameter is in one group only. */
  readonly parameters: readonly (readonly [string, Parameter])[];
  /** λ: how strongly parameters are drawn to 0; 0 for not at all. */
  readonly weightDecay: number;
}

/**
 * What differs from step to step.
 *
 * @category Optimizers
 */
export interface OptimizerStep {
  /** One learning rate per group. */
  readonly learningRates: readonly number[];
  /** The first moment's decay (AdamW) or the momentum (SGD), where a schedule cycles it. */
  readonly momentum?: number;
  /** A one-element tensor that every gradient is multiplied with: the coefficient of clipping. */
  readonly coefficient?: Tensor;
}

/**
 * Moments as tensors named "exp_avg/<parameter>", and step counts by parameter.
 *
 * @category Optimizers
 */
export interface OptimizerState {
  /** Each shaped like its parameter; the optimizer's own, not copies. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** How many updates each parameter has had. */
  readonly steps: ReadonlyMap<string, number>;
}

/**
 * A state as it comes from a file.
 *
 * @category Optimizers
 */
export interface StoredOptimizerState {
  /** Elements by the same names, as many as the parameter has. */
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** How many updates each parameter has had. */
  readonly steps: ReadonlyMap<string, number>;
}

/**
 * The base of optimizers: moments and counts by the names of parameters.
 *
 * @category Optimizers
 */
export abstract class Optimizer {
  /** The groups, in the order of `OptimizerStep.learningRates`. */
  readonly groups: readonly ParameterGroup[];
  /** Names of the moments, as in PyTorch: "exp_avg", …. */
  abstract readonly moments: readonly string[];
  readonly #moments = new Map<string, Tensor>();
  readonly #steps = new Map<string, number>();
  readonly #strays = new Strays();
  #one: Tensor | undefined;

  /**
   * A parameter is in one group only, under a name of its own.
   * @throws {ArgumentError} where one is in two groups or two have one name
   */
  constructor(groups: readonly ParameterGroup[]) {
    this.groups = groups;
    const seen = new Set<Parameter>();
    const names = new Set<string>();
    for (const [name, parameter] of groups.flatMap((group) => group.parameters)) {
      if (seen.has(parameter)) throw new ArgumentError(`optimizer: expected ${name} in one group but found it in two`);
      if (names.has(name)) throw new ArgumentError(`optimizer: expected different names but found "${name}" twice`);
      seen.add(parameter);
      names.add(name);
      claim(parameter);
    }
    for (const { name, weightDecay } of groups) {
      if (Number.isFinite(weightDecay)) continue;
      throw new ArgumentError(`optimizer: expected a finite weightDecay of ${name} but found ${describe(weightDecay)}`);
    }
  }

  /**
   * Updates every parameter that has a gradient; the others are not touched, nor are their moments and counts.
   * @throws {OperandError} unless there is one learning rate per group
   * @throws {ArgumentError} where a number is not finite or there are no parameters
   * @throws {ModuleError} where a parameter that no module shows and no optimizer has collects gradients. Then nothing
   * has changed.
   */
  step(call: OptimizerStep): void {
    this.#check(call);
    this.#strays.check("optimizer");
    withoutGradient(() => {
      this.groups.forEach((group, i) => {
        for (const [name, parameter] of group.parameters) {
          if (!parameter.grad) continue;
          const count = (this.#steps.get(name) ?? 0) + 1;
          this.#steps.set(name, count);
          this.update(name, parameter, {
            gradient: parameter.grad,
            coefficient: call.coefficient ?? this.#unit(parameter),
            count,
            learningRate: call.learningRates[i],
            momentum: call.momentum,
            weightDecay: group.weightDecay,
          });
        }
      });
    });
  }

  #check({ learningRates, momentum = 0, coefficient }: OptimizerStep): void {
    if (this.groups.every(({ parameters }) => parameters.length === 0)) {
      throw new ArgumentError("optimizer: expected at least one parameter but found none");
    }
    requireCount("optimizer", learningRates, { count: this.groups.length, noun: "learning rate" });
    if (!learningRates.every(Number.isFinite)) {
      throw new ArgumentError(`optimizer: expected finite learning rates but found ${learningRates.join(", ")}`);
    }
    if (!Number.isFinite(momentum)) {
      throw new ArgumentError(`optimizer: expected a finite momentum but found ${momentum}`);
    }
    if (coefficient && coefficient.size !== 1) {
      const found = formatShape(coefficient.shape);
      throw new ShapeError(`optimizer: expected a coefficient of one element but found ${found}`);
    }
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const [, parameter] of this.groups.flatMap((group) => group.parameters)) {
      parameter.grad?.dispose();
      parameter.grad = undefined;
    }
  }

  /** What a checkpoint has to hold. The tensors change with the next step. */
  state(): OptimizerState {
    return { tensors: this.#moments, steps: this.#steps };
  }

  /**
   * Replaces moments and counts. Names that no parameter has are refused.
   * @throws {ArgumentError} for a name that no parameter has, or a moment of another size
   */
  loadState(state: StoredOptimizerState): void {
    const parameters = new Map(this.groups.flatMap((group) => group.parameters));
    const parameterOf = (name: string) => {
      const parameter = parameters.get(name);
      if (!parameter) throw new ArgumentError(`optimizer: expected state of known parameters but found "${name}"`);
      return parameter;
    };
    this.reset(() => true);
    for (const [name, count] of state.steps) {
      parameterOf(name);
      this.#steps.set(name, count);
    }
    for (const [key, data] of state.tensors) {
      const slash = key.indexOf("/");
      const parameter = parameterOf(key.slice(slash + 1));
      if (!this.moments.includes(key.slice(0, slash)) || data.length !== parameter.size) {
        throw new ArgumentError(`optimizer: expected ${this.moments} of ${parameter.size} elements but found "${key}"`);
      }
      this.#moments.set(key, outsideScopes(() => tensor(parameter.device, data, parameter.shape)));
    }
  }

  /** Starts the chosen parameters afresh: moments and counts go. */
  reset(chosen: (name: string) => boolean): void {
    for (const [key, moment] of [...this.#moments]) {
      if (!chosen(key.slice(key.indexOf("/") + 1))) continue;
      moment.dispose();
      this.#moments.delete(key);
    }
    for (const name of [...this.#steps.keys()]) if (chosen(name)) this.#steps.delete(name);
  }

  /** Gives up all moments; the parameters stay. */
  dispose(): void {
    this.reset(() => true);
    this.#one?.dispose();
    this.#one = undefined;
  }

  /** Updates one parameter and its moments in place, in one kernel. */
  protected abstract update(name: string, parameter: Parameter, how: ParameterUpdate): void;

  /** A moment of a parameter, zero at first. */
  protected moment(kind: string, name: string, like: Parameter): Tensor {
    const key = `${kind}/${name}`;
    let moment = this.#moments.get(key);
    if (!moment) {
      moment = outsideScopes(() => zeros(like.device, like.shape));
      this.#moments.set(key, moment);
    }
    return moment;
  }

  #unit(like: Parameter): Tensor {
    return this.#one ??= outsideScopes(() => full(like.device, [1], 1));
  }
}

/**
 * What the update of one parameter is done with.
 *
 * @category Optimizers
 */
export interface ParameterUpdate {
  /** The gradient as `backward` left it, shaped like the parameter. */
  readonly gradient: Tensor;
  /** One element that the gradient is multiplied with first: 1 without clipping. */
  readonly coefficient: Tensor;
  /** 1 for the first update. */
  readonly count: number;
  /** The rate of the parameter's group. */
  readonly learningRate: number;
  /** Overrides the first moment's decay (AdamW) or the momentum (SGD). */
  readonly momentum?: number;
  /** λ of the parameter's group. */
  readonly weightDecay: number;
}

/** The shape over which a parameter's update runs: its own; a row of one for a scalar. */
export const updateShape = ({ shape }: Parameter): Shape => shape.length === 0 ? [1] : shape;
