/**
 * Normalisation: rows brought to mean 0 and variance 1, then scaled and shifted. Layer norm's rows are the last axis
 * (Ba et al., arXiv:1607.06450), group norm's are groups of channels (Wu and He, arXiv:1803.08494); batch norm takes each
 * channel over the whole batch (Ioffe and Szegedy, arXiv:1502.03167).
 */

import { constant, input, reduced, scalar } from "../kernel/expr.ts";
import type { RowRecipe } from "../kernel/recipes.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { pointwise } from "./pointwise.ts";
import { launchRowRecipe } from "./rows.ts";

// Scalars: 1 / columns, epsilon.
const mean = reduced("sum").mul(scalar(0));
const inverseDeviation = constant(1).div(reduced("squares").mul(scalar(0)).add(scalar(1)).sqrt());
const forward: RowRecipe = {
  kind: "row",
  name: "normalize_rows",
  rank: 1,
  inputs: [1],
  scalars: 2,
  reductions: [
    { name: "sum", op: "sum", value: input(0) },
    { name: "squares", op: "sum", value: input(0).sub(mean).mul(input(0).sub(mean)) },
  ],
  outputs: [
    { per: "element", value: input(0).sub(mean).mul(inverseDeviation) },
    { per: "row", value: inverseDeviation },
  ],
};

/** dx = (dy - mean(dy) - y mean(y dy)) / σ, from y and 1/σ. */
const backward: RowRecipe = {
  kind: "row",
  name: "normalize_rows_gradient",
  rank: 1,
  inputs: [1, 1, 0],
  scalars: 1,
  reductions: [
    { name: "sum", op: "sum", value: input(1) },
    { name: "dot", op: "sum", value: input(0).mul(input(1)) },
  ],
  outputs: [{
    per: "element",
    value: input(1).sub(reduced("sum").mul(scalar(0))).sub(input(0).mul(reduced("dot").mul(scalar(0)))).mul(input(2)),
  }],
};

const normalizeRows = defineOp<readonly [Tensor], number, { y: Tensor; inverse: Tensor }>({
  name: "normalize",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x], options: epsilon, output }) => {
    const columns = x.shape[x.rank - 1];
    const inverse = x.empty([x.size / columns]);
    launchRowRecipe(forward, { rows: [x], results: [output, inverse], scalars: [1 / columns, epsilon] });
    return { inverse };
  },
  save: ({ output, extra: { inverse } }) => ({ y: output, inverse }),
  gradient: ({ gradOutput, saved: { y, inverse } }) => {
    const gradient = y.empty(y.shape);
    launchRowRecipe(backward, {
      rows: [y, gradOutput],
      perRow: [inverse],
      results: [gradient],
      scalars: [1 / y.shape[y.rank - 1]],
    });
    return [gradient];
  },
});

const affine = pointwise("affine", { tensors: 3 }, (x, weight, bias) => x.mul(weight).add(bias));

/** Scale and shift after normalisation. */
export interface NormParameters {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Over the last axis; weight and bias [features]. */
export function layerNorm(x: Tensor, { weight, bias }: NormParameters, { epsilon = 1e-5 } = {}): Tensor {
  if (weight.size !== x.shape[x.rank - 1]) {
    throw new RangeError(`layerNorm: expected ${weight.size} features last but found ${formatShape(x.shape)}`);
  }
  return affine([normalizeRows([x], epsilon), weight, bias]);
}

/** Over groups of neighbouring channels of x [N, C, ...]; weight and bias [C]. */
export function groupNorm(
  x: Tensor,
  { weight, bias }: NormParameters,
  { groups, epsilon = 1e-5 }: { readonly groups: number; readonly epsilon?: number },
): Tensor {
  const [batch, channels] = x.shape;
  if (channels % groups !== 0 || weight.size !== channels) {
    throw new RangeError(`groupNorm: expected ${weight.size} channels in ${groups} groups but found ${channels}`);
  }
  const normal = normalizeRows([x.reshape([batch * groups, -1])], epsilon).reshape(x.shape);
  const perChannel = [channels, ...x.shape.slice(2).map(() => 1)];
  return affine([normal, weight.reshape(perChannel), bias.reshape(perChannel)]);
}

const standardizeOp = pointwise(
  "standardize",
  { tensors: 4, scalars: 1 },
  (centred, variance, weight, bias, epsilon) => centred.div(variance.add(epsilon).sqrt()).mul(weight).add(bias),
);

/** x [N, C, H, W] by the statistics of this batch, which are returned too ([1, C, 1, 1], the variance biased). */
export function batchNorm2d(
  x: Tensor,
  { weight, bias }: NormParameters,
  { epsilon = 1e-5 } = {},
): { output: Tensor; mean: Tensor; variance: Tensor } {
  const perChannel = [1, x.shape[1], 1, 1];
  const mean = x.mean([0, 2, 3], { keepDims: true });
  const centred = x.sub(mean);
  const variance = centred.square().mean([0, 2, 3], { keepDims: true });
  const output = standardizeOp([centred, variance, weight.reshape(perChannel), bias.reshape(perChannel)], [epsilon]);
  return { output, mean, variance };
}

const scaleOp = pointwise(
  "norm_scale",
  { tensors: 2, scalars: 1 },
  (weight, variance, epsilon) => weight.div(variance.add(epsilon).sqrt()),
);

/** Fixed statistics as one scale and one shift per channel, [C] each. */
export function scaleAndShift(
  { weight, bias }: NormParameters,
  { mean, variance, epsilon = 1e-5 }: { readonly mean: Tensor; readonly variance: Tensor; readonly epsilon?: number },
): { scale: Tensor; shift: Tensor } {
  const scale = scaleOp([weight, variance], [epsilon]);
  return { scale, shift: bias.sub(mean.mul(scale)) };
}
