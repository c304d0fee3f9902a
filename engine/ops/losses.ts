/** Losses that compare element with element. Operands broadcast; a loss is averaged unless it is told otherwise. */

import { constant, type Expr, select } from "../kernel/language/expr.ts";
import type { Tensor } from "../tensor.ts";
import { pointwise } from "./pointwise.ts";

/**
 * What becomes of the losses of single elements: their mean, their sum, or nothing.
 *
 * @category Losses
 */
export type LossReduction = "mean" | "sum" | "none";

/**
 * How a loss is put together.
 *
 * @category Losses
 */
export interface LossOptions {
  /** Default: mean. */
  readonly reduction?: LossReduction;
}

/** The losses of single elements, as one number or as they are. */
export function reduceLoss(losses: Tensor, reduction: LossReduction = "mean"): Tensor {
  return reduction === "none" ? losses : reduction === "sum" ? losses.sum() : losses.mean();
}

const squaredOp = pointwise("mse", { tensors: 2 }, (x, y) => x.sub(y).square());
/**
 * The mean of (x − y)².
 *
 * @category Losses
 */
export const mse = (x: Tensor, y: Tensor, options: LossOptions = {}): Tensor =>
  reduceLoss(squaredOp([x, y]), options.reduction);

/**
 * A reduction, and where the loss turns from a square into an absolute value.
 *
 * @category Losses
 */
export interface SmoothL1Options extends LossOptions {
  /** Differences below it count quadratically; 0 for none, which gives the mean of |x − y|. Default 1. */
  readonly beta?: number;
}

const smoothOp = pointwise("smooth_l1", {
  tensors: 2,
  scalars: 1,
  slopes: (x, y, beta) => {
    const difference = x.sub(y);
    const sign = select(difference.gt(0), 1, select(difference.lt(0), constant(-1), 0));
    const slope = select(difference.abs().lt(beta), difference.div(beta), sign);
    return [slope, slope.neg()];
  },
}, (x, y, beta) => {
  const distance = x.sub(y).abs();
  return select(distance.lt(beta), distance.square().mul(0.5).div(beta), distance.sub(beta.mul(0.5)));
});
/**
 * The mean of |x − y| − β/2, or (x − y)² / 2β where |x − y| is less than β (Girshick, arXiv:1504.08083, for β = 1).
 *
 * @category Losses
 */
export const smoothL1 = (x: Tensor, y: Tensor, options: SmoothL1Options = {}): Tensor =>
  reduceLoss(smoothOp([x, y], [options.beta ?? 1]), options.reduction);

/**
 * A reduction, and how much positive examples count.
 *
 * @category Losses
 */
export interface BceOptions extends LossOptions {
  /** What the term of positive examples is multiplied with; broadcasts, as [C] for classes. Default 1. */
  readonly positiveWeight?: Tensor;
}

/** log(1 + e⁻ˣ). */
const softplusOfNegative = (x: Expr) => x.abs().neg().exp().log1p().sub(x.min(0));

const bceOp = pointwise(
  "bce_with_logits",
  { tensors: 2, slopes: (x, y) => [x.sigmoid().sub(y), x.neg()] },
  (x, y) => constant(1).sub(y).mul(x).add(softplusOfNegative(x)),
);
const weightedBceOp = pointwise("weighted_bce_with_logits", {
  tensors: 3,
  slopes: (x, y, weight) => {
    const factor = weight.sub(1).mul(y).add(1);
    const lost = softplusOfNegative(x);
    return [
      constant(1).sub(y).add(factor.mul(x.sigmoid().sub(1))),
      weight.sub(1).mul(lost).sub(x),
      y.mul(lost),
    ];
  },
}, (x, y, weight) => constant(1).sub(y).mul(x).add(weight.sub(1).mul(y).add(1).mul(softplusOfNegative(x))));
/**
 * Binary cross entropy of sigmoid(x) with targets y in 0..1, from logits x, so that neither end overflows.
 *
 * @category Losses
 */
export function bceWithLogits(x: Tensor, y: Tensor, options: BceOptions = {}): Tensor {
  const { positiveWeight, reduction } = options;
  return reduceLoss(positiveWeight ? weightedBceOp([x, y, positiveWeight]) : bceOp([x, y]), reduction);
}

/**
 * How a divergence is put together.
 *
 * @category Losses
 */
export interface KlOptions {
  /** "batchMean" divides the sum by the size of the first axis, which is the divergence per sample. Default: mean. */
  readonly reduction?: LossReduction | "batchMean";
  /** Whether targets are logarithms of probabilities, too. Default false. */
  readonly logTarget?: boolean;
}

const klOp = pointwise("kl", {
  tensors: 2,
  slopes: (x, target) => [target.neg(), select(target.gt(0), target.log().add(1).sub(x), 0)],
}, (x, target) => select(target.gt(0), target.mul(target.log().sub(x)), 0));
const klOfLogarithms = pointwise("kl_log", { tensors: 2 }, (x, target) => target.exp().mul(target.sub(x)));
/**
 * Kullback and Leibler's divergence of the distribution with logarithms x from the target: the mean of p (log p − x) over
 * all elements, 0 where p is. As in PyTorch, only "batchMean" divides by the number of distributions.
 *
 * @category Losses
 */
export function kl(x: Tensor, target: Tensor, options: KlOptions = {}): Tensor {
  const { reduction, logTarget = false } = options;
  const losses = (logTarget ? klOfLogarithms : klOp)([x, target]);
  return reduction === "batchMean" ? losses.sum().div(x.shape[0] ?? 1) : reduceLoss(losses, reduction);
}
