/** Losses of classification, over the classes of each position. */

import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { ne } from "./compare.ts";
import { where } from "./elementwise.ts";
import { logSoftmax } from "./log_sum_exp.ts";
import { type LossOptions, reduceLoss } from "./losses.ts";
import { squeeze, unsqueeze } from "./rearrange.ts";
import { gather, indexSelect } from "./take_along.ts";

/**
 * What counts how much.
 *
 * @category Losses
 */
export interface NllOptions extends LossOptions {
  /** [C]: how much a position counts, by its class. The mean is a weighted one. Default: all alike. */
  readonly weight?: Tensor;
  /** Positions whose target this is do not count. Default −100. */
  readonly ignoreIndex?: number;
}

/**
 * What counts how much, and how sure the targets are.
 *
 * @category Losses
 */
export interface CrossEntropyOptions extends NllOptions {
  /** ε: targets are mixed with the uniform distribution, (1 − ε) target + ε / C (arXiv:1512.00567). Default 0. */
  readonly labelSmoothing?: number;
}

/** Where classes are: behind the batch, or nowhere else. */
const classAxis = (x: Tensor) => x.rank === 1 ? 0 : 1;

function checkTargets(name: string, x: Tensor, targets: Tensor): void {
  const positions = x.shape.toSpliced(classAxis(x), 1);
  if (x.rank > 0 && sameShape(targets.shape, positions)) return;
  const found = `${formatShape(x.shape)} and ${formatShape(targets.shape)}`;
  throw new ShapeError(`${name}: expected x [N, C, …] and integers [N, …] but found ${found}`);
}

/** A number per class, beside x. */
function besideClasses(name: string, x: Tensor, weight: Tensor): Tensor {
  const [classes, ...behind] = x.shape.slice(classAxis(x));
  if (weight.rank === 1 && weight.size === classes) return weight.reshape([classes, ...behind.map(() => 1)]);
  const found = formatShape(weight.shape);
  throw new ShapeError(`${name}: expected a weight for each of ${classes} classes but found ${found}`);
}

/** Which positions count, and how much. */
function countsOf(targets: Tensor, { weight, ignoreIndex = -100 }: NllOptions): Tensor {
  const counted = ne(targets, ignoreIndex);
  if (!weight) return counted;
  const weights = indexSelect(weight, 0, targets.reshape([targets.size])).reshape(targets.shape);
  return where(counted, weights, counted);
}

/** The losses where positions count, as one number or as they are. */
function reduceCounted(losses: Tensor, counts: Tensor, reduction: LossOptions["reduction"] = "mean"): Tensor {
  return reduction === "mean" ? losses.sum().div(counts.sum()) : reduceLoss(losses, reduction);
}

/** −x of the target's class times what the position counts; 0 where it does not, whatever its target. */
function pickedLosses(x: Tensor, targets: Tensor, counts: Tensor): Tensor {
  const axis = classAxis(x);
  const picked = squeeze(gather(x, axis, unsqueeze(targets, axis)), axis);
  return where(counts, picked.neg().mul(counts), counts.mul(0));
}

/**
 * The mean of −x of the targets' classes, for logarithms of probabilities x [N, C, …] and classes `targets` (i32) [N, …];
 * x [C] and one target go as well. A class that there is not gives NaN, unless it is `ignoreIndex`.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Losses
 */
export function nll(x: Tensor, targets: Tensor, options: NllOptions = {}): Tensor {
  checkTargets("nll", x, targets);
  if (options.weight) besideClasses("nll", x, options.weight);
  const counts = countsOf(targets, options);
  return reduceCounted(pickedLosses(x, targets, counts), counts, options.reduction);
}

/**
 * The cross entropy of softmax(x), over the classes of logits x [N, C, …] (or [C]), with `targets`: classes (i32) [N, …],
 * or probabilities (f32) shaped as x. With classes the mean is over the positions that count.
 *
 * ```ts
 * import { createCpuDevice, crossEntropy, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const logits = tensor(device, [2, 0, 0, 2], [2, 2]);
 * const targets = tensor(device, Int32Array.of(0, -100));
 * console.log((await crossEntropy(logits, targets).item()).toFixed(4)); // 0.1269
 * await device.destroy();
 * ```
 *
 * @throws {RangeError} where shapes do not fit
 * @category Losses
 */
export function crossEntropy(x: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0, weight, reduction = "mean" } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(`crossEntropy: expected labelSmoothing in 0..1 but found ${labelSmoothing}`);
  }
  const axis = classAxis(x);
  const logarithms = logSoftmax(x, axis);
  const weighted = weight ? logarithms.mul(besideClasses("crossEntropy", x, weight)) : logarithms;
  const classes = x.shape[axis];
  if (targets.dtype === "f32") {
    if (!sameShape(targets.shape, x.shape)) {
      const found = `${formatShape(x.shape)} and ${formatShape(targets.shape)}`;
      throw new ShapeError(`crossEntropy: expected probabilities shaped as x but found ${found}`);
    }
    const smoothed = labelSmoothing === 0 ? targets : targets.mul(1 - labelSmoothing).add(labelSmoothing / classes);
    return reduceLoss(weighted.mul(smoothed).sum(axis).neg(), reduction);
  }
  checkTargets("crossEntropy", x, targets);
  const counts = countsOf(targets, options);
  const losses = pickedLosses(logarithms, targets, counts);
  if (labelSmoothing === 0) return reduceCounted(losses, counts, reduction);
  const ofUniform = where(counts, weighted.sum(axis).mul(-1 / classes), counts.mul(0));
  return reduceCounted(losses.mul(1 - labelSmoothing).add(ofUniform.mul(labelSmoothing)), counts, reduction);
}
