/**
 * Group normalisation (Wu and He, arXiv:1803.08494) and batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) are one
 * computation that differs in what shares a mean and a variance. Seen as [N, G, C/G, H·W], a group norm has statistics
 * [N, G, 1, 1], and a batch norm (one channel per group) has [1, G, 1, 1].
 */

import { ShapeError } from "../errors.ts";
import { withoutGradient } from "../autograd.ts";
import type { Expr } from "../kernel/language/expr.ts";
import { defineReduction } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { blend } from "./elementwise.ts";
import { pointwise } from "./pointwise.ts";

/** The mean of x; `share` is 1 over the number of its elements. */
const meanOf = defineReduction({
  name: "norm_mean",
  op: "sum",
  inputs: ["x"],
  scalars: ["share"],
  value: ({ x, share }) => x.mul(share),
});
const varianceOf = defineReduction({
  name: "norm_variance",
  op: "sum",
  inputs: ["x", "mean"],
  scalars: ["share"],
  value: ({ x, mean, share }) => x.sub(mean).square().mul(share),
});
/** 1/σ */
const inverseOf = defineRows({
  name: "norm_inverse_deviation",
  inputs: ["variance"],
  scalars: ["epsilon"],
  define: ({ variance, epsilon }) => ({ inverse: variance.add(epsilon).sqrt().reciprocal() }),
});

/** x̂ = (x - μ) / σ. */
const normed = ({ x, mean, inverse }: Readonly<Record<"x" | "mean" | "inverse", Expr>>) => x.sub(mean).mul(inverse);

const forward = defineRows({
  name: "norm",
  inputs: ["x", "mean", "inverse", "weight", "bias"],
  define: ({ weight, bias, ...of }) => ({ y: normed(of).mul(weight).add(bias) }),
});

/** Per channel Σ dy x̂, the weight's gradient, and Σ dy, the bias's. */
const weightSum = defineReduction({
  name: "norm_weight_gradient",
  op: "sum",
  inputs: ["x", "mean", "inverse", "dy"],
  value: ({ dy, ...of }) => normed(of).mul(dy),
});
const plainSum = defineReduction({ name: "norm_sum", op: "sum", inputs: ["x"], value: ({ x }) => x });
/** A sum per channel times the channel's weight, added up over what shares statistics, and averaged. */
const weightedMean = defineReduction({
  name: "norm_weighted_mean",
  op: "sum",
  inputs: ["sums", "weight"],
  scalars: ["share"],
  value: ({ sums, weight, share }) => sums.mul(weight).mul(share),
});
/** dx = (dy·weight − mean(dy·weight) − x̂ mean(dy·weight·x̂)) / σ. */
const backward = defineRows({
  name: "norm_gradient",
  inputs: ["x", "mean", "inverse", "dy", "weight", "meanSum", "meanProduct"],
  define: ({ dy, weight, meanSum, meanProduct, ...of }) => ({
    dx: dy.mul(weight).sub(meanSum).sub(normed(of).mul(meanProduct)).mul(of.inverse),
  }),
});

export interface NormOptions {
  readonly epsilon: number;
  /** [N, G, C/G, H·W] */
  readonly over: Shape;
  /** The shape of the statistics within it. */
  readonly statistics: Shape;
  /** Called with mean and (biased) variance. */
  readonly observe?: (mean: Tensor, variance: Tensor) => void;
}

interface Saved extends Record<string, Tensor> {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly mean: Tensor;
  readonly inverse: Tensor;
}

/** A tensor [C] seen as [1, G, C/G, 1]. */
const perChannel = (x: Tensor, [, groups, channels]: Shape) => x.alias([1, groups, channels, 1]);

const normOp = defineOp<readonly [Tensor, Tensor, Tensor], NormOptions, Saved>({
  name: "norm",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x, weight, bias], options: { over, statistics, epsilon, observe }, output }) => {
    const share = sizeOf(statistics) / sizeOf(over);
    const seen = x.alias(over);
    const mean = meanOf.reduce({ over, to: statistics }, { x: seen, share });
    const variance = varianceOf.reduce({ over, to: statistics }, { x: seen, mean, share });
    const inverse = x.empty(statistics);
    inverseOf.launch(statistics, { variance, epsilon, inverse });
    forward.launch(over, {
      ...{ x: seen, mean, inverse, weight: perChannel(weight, over), bias: perChannel(bias, over) },
      y: output,
    });
    observe?.(mean, variance);
    return { mean, inverse };
  },
  save: ({ inputs: [x, weight], extra: { mean, inverse } }) => ({ x, weight, mean, inverse }),
  gradient: ({ gradOutput, saved, options: { over, statistics }, needs, shapes: [shape, channels] }) => {
    const { mean, inverse } = saved;
    const [x, dy, weight] = [saved.x.alias(over), gradOutput.alias(over), perChannel(saved.weight, over)];
    // Sums over the pixels of each image and channel serve all three gradients.
    const perImage = [...over.slice(0, 3), 1];
    const toChannels = (sums: Tensor) =>
      plainSum.reduce({ over: perImage, to: [1, over[1], over[2], 1] }, { x: sums }).reshape(channels);
    const products = weightSum.reduce({ over, to: perImage }, { x, mean, inverse, dy });
    const sums = plainSum.reduce({ over, to: perImage }, { x: dy });
    let gradX: Tensor | undefined;
    if (needs[0]) {
      const share = sizeOf(statistics) / sizeOf(over);
      const [meanSum, meanProduct] = [sums, products].map((sums) =>
        weightedMean.reduce({ over: perImage, to: statistics }, { sums, weight, share })
      );
      gradX = x.empty(shape);
      backward.launch(over, { x, mean, inverse, dy, weight, meanSum, meanProduct, dx: gradX });
    }
    return [gradX, needs[1] ? toChannels(products) : undefined, needs[2] ? toChannels(sums) : undefined];
  },
});

function checkChannels(name: string, x: Tensor, operands: readonly Tensor[]): void {
  if (x.rank < 2 || operands.some(({ size }) => size !== x.shape[1])) {
    const found = [x, ...operands].map(({ shape }) => formatShape(shape)).join(", ");
    throw new ShapeError(`${name}: expected x [N, C, ...] and operands of C numbers but found ${found}`);
  }
}

/**
 * x [N, C, ...], weight and bias [C]; each image's groups of neighbouring channels are normalised. Default epsilon: 1e-5.
 * @throws {ShapeError} where the groups do not divide the channels, or operands have other sizes
 * @category Normalisation
 */
export function groupNorm(
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias: Tensor },
  options: { readonly groups: number; readonly epsilon?: number },
): Tensor {
  const { weight, bias } = parameters;
  const { groups, epsilon = 1e-5 } = options;
  checkChannels("groupNorm", x, [weight, bias]);
  const [batch, channels, ...image] = x.shape;
  if (channels % groups !== 0) {
    throw new ShapeError(`groupNorm: expected channels in ${groups} equal groups but found ${channels}`);
  }
  const over = [batch, groups, channels / groups, sizeOf(image)];
  return normOp([x, weight, bias], { epsilon, over, statistics: [batch, groups, 1, 1] });
}

/**
 * Parameters and running statistics of a batch norm.
 *
 * @category Normalisation
 */
export interface BatchNormOperands {
  /** [C]: multiplied with what is normalised. */
  readonly weight: Tensor;
  /** [C]: added at the end. */
  readonly bias: Tensor;
  /** [C]: the mean outside training; in training it is updated in place. */
  readonly runningMean: Tensor;
  /** [C]: the variance outside training; in training it is updated in place. */
  readonly runningVar: Tensor;
}

/** x, weight, bias, mean, variance. */
const byRunningStatistics = pointwise(
  "batch_norm_inference",
  { tensors: 5, scalars: 1 },
  (x, weight, bias, mean, variance, epsilon) =>
    x.sub(mean).mul(variance.add(epsilon).sqrt().reciprocal().mul(weight)).add(bias),
);

/**
 * x [N, C, H, W]. In training each channel is normalised by its own mean and variance over the batch, and the running ones
 * move towards them by `momentum` (the variance unbiased, as in PyTorch); else by the running ones.
 *
 * @category Normalisation
 */
export function batchNorm2d(
  x: Tensor,
  operands: BatchNormOperands,
  options: { readonly training: boolean; readonly momentum?: number; readonly epsilon?: number },
): Tensor {
  const { weight, bias, runningMean, runningVar } = operands;
  const { training, momentum = 0.1, epsilon = 1e-5 } = options;
  checkChannels("batchNorm2d", x, [weight, bias, runningMean, runningVar]);
  const [batch, channels, ...image] = x.shape;
  if (!training) {
    const columns = [weight, bias, runningMean, runningVar].map((each) => each.reshape([channels, 1, 1]));
    return byRunningStatistics([x, ...columns], [epsilon]);
  }
  const count = batch * sizeOf(image);
  const observe = (mean: Tensor, variance: Tensor) =>
    withoutGradient(() => {
      blend(runningMean, mean.alias([channels]), 1 - momentum);
      blend(runningVar, variance.alias([channels]).mul(count / (count - 1)), 1 - momentum);
    });
  const over = [batch, channels, 1, sizeOf(image)];
  return normOp([x, weight, bias], { epsilon, over, statistics: [1, channels, 1, 1], observe });
}
