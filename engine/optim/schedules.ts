/**
 * Learning rates as pure functions of how far training is, so that a schedule has no state of its own to lose: epoch
 * and step say it all. Numbers are PyTorch's.
 */

import { ArgumentError } from "../errors.ts";
/**
 * What is in force at one moment.
 *
 * @category Optimizers
 */
export interface Rates {
  /** The step size, for one group of parameters. */
  readonly learningRate: number;
  /** The first moment's decay, where the schedule cycles it. */
  readonly momentum?: number;
}

/**
 * A schedule for one group: from the count of epochs (or steps) done to the rates in force.
 *
 * @category Optimizers
 */
export type Schedule = (done: number) => Rates;

/**
 * The rate is multiplied with `gamma` every `stepSize` counts.
 *
 * @category Optimizers
 */
export function stepLR(initial: number, options: { readonly stepSize: number; readonly gamma?: number }): Schedule {
  const { stepSize, gamma = 0.1 } = options;
  return (done) => ({ learningRate: initial * gamma ** Math.floor(done / stepSize) });
}

/**
 * The rate is multiplied with `gamma` at each milestone.
 *
 * @category Optimizers
 */
export function multiStepLR(
  initial: number,
  options: { readonly milestones: readonly number[]; readonly gamma?: number },
): Schedule {
  const { milestones, gamma = 0.1 } = options;
  return (done) => ({ learningRate: initial * gamma ** milestones.filter((at) => at <= done).length });
}

/**
 * The shape of the cycle.
 *
 * @category Optimizers
 */
export interface OneCycleOptions {
  /** Steps of the whole cycle; asking for the rates of a later step is an error. */
  readonly totalSteps: number;
  /** The share of steps that the rate rises in; default 0.3. */
  readonly pctStart?: number;
  /** The rate starts at max / divFactor (default 25) … */
  readonly divFactor?: number;
  /** … and ends at start / finalDivFactor (default 1e4). */
  readonly finalDivFactor?: number;
  /** Momentum falls from max (default 0.95) to base (default 0.85) and rises again. */
  readonly baseMomentum?: number;
  /** The momentum where the rate is least. Default 0.95. */
  readonly maxMomentum?: number;
}

/**
 * One cycle with cosine annealing (Smith and Topin, "Super-convergence", arXiv:1708.07120): up to `maxRate`, then down
 * far below the start, with momentum the other way round.
 * @throws {ArgumentError} when the schedule is asked for a step beyond the cycle
 * @category Optimizers
 */
export function oneCycleLR(maxRate: number, options: OneCycleOptions): Schedule {
  const { totalSteps, pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  const { baseMomentum = 0.85, maxMomentum = 0.95 } = options;
  const start = maxRate / divFactor;
  const end = start / finalDivFactor;
  const peak = pctStart * totalSteps - 1;
  const last = totalSteps - 1;
  return (done) => {
    if (done > last) {
      throw new ArgumentError(`oneCycleLR: expected a step in 0..${last} but found ${done}; the cycle is over`);
    }
    return done <= peak
      ? {
        learningRate: cosine(start, maxRate, done / peak),
        momentum: cosine(maxMomentum, baseMomentum, done / peak),
      }
      : {
        learningRate: cosine(maxRate, end, (done - peak) / (last - peak)),
        momentum: cosine(baseMomentum, maxMomentum, (done - peak) / (last - peak)),
      };
  };
}

/** From `from` to `to` along half a cosine, for a share in 0..1. */
function cosine(from: number, to: number, share: number): number {
  return to + (from - to) / 2 * (1 + Math.cos(Math.PI * share));
}

/**
 * The shape of a fall along half a cosine.
 *
 * @category Optimizers
 */
export interface CosineOptions {
  /** Steps of the whole schedule, warm-up included. Later steps have the least rate. */
  readonly totalSteps: number;
  /** Steps over which the rate first rises, as with `linearWarmup`. Default 0. */
  readonly warmupSteps?: number;
  /** The rate at the end. Default 0. */
  readonly minimum?: number;
}

/**
 * A linear rise to `maxRate`, then a fall along half a cosine (Loshchilov and Hutter, arXiv:1608.03983, without restarts).
 *
 * ```ts
 * import { cosineLR } from "@dinograd/dinograd/engine";
 *
 * const schedule = cosineLR(0.1, { totalSteps: 6, warmupSteps: 2 });
 * const rates = Array.from({ length: 7 }, (_, step) => schedule(step).learningRate.toFixed(3));
 * console.log(rates.join(" ")); // 0.050 0.100 0.100 0.085 0.050 0.015 0.000
 * ```
 *
 * @category Optimizers
 */
export function cosineLR(maxRate: number, options: CosineOptions): Schedule {
  const { totalSteps, warmupSteps = 0, minimum = 0 } = options;
  const warmup = linearWarmup(warmupSteps);
  return (done) => {
    if (done < warmupSteps) return { learningRate: maxRate * warmup(done) };
    const share = (done - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
    return { learningRate: cosine(maxRate, minimum, Math.min(1, share)) };
  };
}

/**
 * Rises linearly over the first `steps` steps: the factor in force at each.
 *
 * @category Optimizers
 */
export function linearWarmup(steps: number): (step: number) => number {
  return (step) => steps > 0 ? Math.min(1, (step + 1) / steps) : 1;
}
