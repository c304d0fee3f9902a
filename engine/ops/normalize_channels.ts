/**
 * Group normalisation (Wu and He, arXiv:1803.08494) and batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) are one
 * computation that differs in what shares a mean and a variance. Seen as [N, G, C/G, H·W], a group norm has statistics
 * [N, G, 1, 1], and a batch norm (one channel per group) has [1, G, 1, 1].
 */

import { withoutGradient } from "../autograd.ts";
import { input, scalar } from "../kernel/language/expr.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { blend } from "./elementwise.ts";
import { pointwise } from "./pointwise.ts";
import { PointwiseKernel } from "./pointwise_kernel.ts";
import { reduceTo, Reduction } from "./reduce.ts";

const total = new Reduction("norm_mean", "sum", input(0).mul(scalar(0)), 1);
const variance = new Reduction("norm_variance", "sum", input(0).sub(input(1)).square().mul(scalar(0)), 1);
const inverseKernel = new PointwiseKernel(
  "norm_inverse_deviation",
  [{ per: "element", value: input(0).add(scalar(0)).sqrt().reciprocal() }],
  1,
);
/** x, mean, 1/σ, weight, bias. */
const forward = new PointwiseKernel("norm", [
  { per: "element", value: input(0).sub(input(1)).mul(input(2)).mul(input(3)).add(input(4)) },
]);

/** x, mean, 1/σ, dy: per channel Σ dy x̂ (the weight's gradient) and Σ dy (the bias's). */
const normed = input(0).sub(input(1)).mul(input(2));
const weightSum = new Reduction("norm_weight_gradient", "sum", normed.mul(input(3)));
const plainSum = new Reduction("norm_sum", "sum", input(0));
/** A sum per channel times the channel's weight, added up over what shares statistics, and averaged. */
const weightedMean = new Reduction("norm_weighted_mean", "sum", input(0).mul(input(1)).mul(scalar(0)), 1);
/** dx = (dy·weight − mean(dy·weight) − x̂ mean(dy·weight·x̂)) / σ; x, mean, 1/σ, dy, weight and the two means. */
const backward = new PointwiseKernel("norm_gradient", [
  { per: "element", value: input(3).mul(input(4)).sub(input(5)).sub(normed.mul(input(6))).mul(input(2)) },
]);

interface Options {
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

const normOp = defineOp<readonly [Tensor, Tensor, Tensor], Options, Saved>({
  name: "norm",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x, weight, bias], options: { over, statistics, epsilon, observe }, output, device }) => {
    const share = [sizeOf(statistics) / sizeOf(over)];
    const seen = x.alias(over);
    const mean = reduceTo(total, [seen], { over, to: statistics, scalars: share });
    const spread = reduceTo(variance, [seen, mean], { over, to: statistics, scalars: share });
    const inverse = x.empty(statistics);
    inverseKernel.launch(device, { shape: statistics, operands: [spread], results: [inverse], scalars: [epsilon] });
    forward.launch(device, {
      shape: over,
      operands: [seen, mean, inverse, perChannel(weight, over), perChannel(bias, over)],
      results: [output],
    });
    observe?.(mean, spread);
    return { mean, inverse };
  },
  save: ({ inputs: [x, weight], extra: { mean, inverse } }) => ({ x, weight, mean, inverse }),
  gradient: ({ gradOutput, saved, options: { over, statistics }, needs, shapes: [shape, channels], device }) => {
    const { mean, inverse } = saved;
    const [x, dy, weight] = [saved.x.alias(over), gradOutput.alias(over), perChannel(saved.weight, over)];
    // Sums over the pixels of each image and channel serve all three gradients.
    const perImage = [...over.slice(0, 3), 1];
    const toChannels = (sums: Tensor) =>
      reduceTo(plainSum, [sums], { over: perImage, to: [1, over[1], over[2], 1] }).reshape(channels);
    const products = reduceTo(weightSum, [x, mean, inverse, dy], { over, to: perImage });
    const sums = reduceTo(plainSum, [dy], { over, to: perImage });
    let gradX: Tensor | undefined;
    if (needs[0]) {
      const scalars = [sizeOf(statistics) / sizeOf(over)];
      const [meanSum, meanProduct] = [sums, products].map((each) =>
        reduceTo(weightedMean, [each, weight], { over: perImage, to: statistics, scalars })
      );
      gradX = x.empty(shape);
      backward.launch(device, {
        shape: over,
        operands: [x, mean, inverse, dy, weight, meanSum, meanProduct],
        results: [gradX],
      });
    }
    return [gradX, needs[1] ? toChannels(products) : undefined, needs[2] ? toChannels(sums) : undefined];
  },
});

function checkChannels(name: string, x: Tensor, operands: readonly Tensor[]): void {
  if (x.rank < 2 || operands.some(({ size }) => size !== x.shape[1])) {
    const found = [x, ...operands].map(({ shape }) => formatShape(shape)).join(", ");
    throw new RangeError(`${name}: expected x [N, C, ...] and operands of C numbers but found ${found}`);
  }
}

/** x [N, C, ...], weight and bias [C]; each image's groups of neighbouring channels are normalised. Default epsilon: 1e-5. */
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
    throw new RangeError(`groupNorm: expected channels in ${groups} equal groups but found ${channels}`);
  }
  const over = [batch, groups, channels / groups, sizeOf(image)];
  return normOp([x, weight, bias], { epsilon, over, statistics: [batch, groups, 1, 1] });
}

/** Parameters and running statistics of a batch norm. */
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
