/**
 * Layer normalisation (Ba et al., arXiv:1607.06450): each row is shifted and scaled to mean 0 and variance 1, then by a
 * learned weight and bias per column. For normalisation over channels of images see `normalize_channels.ts`.
 */

import { ShapeError } from "../errors.ts";
import type { Expr } from "../kernel/language/expr.ts";
import { defineReduction } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

export { batchNorm2d, type BatchNormOperands, groupNorm } from "./normalize_channels.ts";

/** `share` is 1 / columns. */
const forward = defineRows({
  name: "layer_norm",
  inputs: ["x", "weight", "bias"],
  scalars: ["share", "epsilon"],
  perRow: ["mean", "inverse"],
  define: ({ x, weight, bias, share, epsilon }, { sum }) => {
    const mean = sum(x).mul(share);
    const variance = sum(x.sub(mean).square()).mul(share);
    const inverse = variance.add(epsilon).sqrt().reciprocal();
    return { y: x.sub(mean).mul(inverse).mul(weight).add(bias), mean, inverse };
  },
});

/** x̂ = (x - μ) / σ. */
const normed = ({ x, mean, inverse }: Readonly<Record<"x" | "mean" | "inverse", Expr>>) => x.sub(mean).mul(inverse);

/** With g = dy · weight: dx = (g - mean(g) - x̂ mean(g x̂)) / σ. */
const backward = defineRows({
  name: "layer_norm_gradient",
  inputs: ["x", "dy", "mean", "inverse", "weight"],
  scalars: ["share"],
  define: ({ x, dy, mean, inverse, weight, share }, { sum }) => {
    const hat = normed({ x, mean, inverse });
    const g = dy.mul(weight);
    const total = sum(g);
    const dot = sum(g.mul(hat));
    return { dx: g.sub(total.mul(share)).sub(hat.mul(dot.mul(share))).mul(inverse) };
  },
});

const weightGradient = defineReduction({
  name: "layer_norm_weight_gradient",
  op: "sum",
  inputs: ["x", "dy", "mean", "inverse"],
  value: ({ dy, ...statistics }) => normed(statistics).mul(dy),
});
const biasGradient = defineReduction({
  name: "layer_norm_bias_gradient",
  op: "sum",
  inputs: ["dy"],
  value: ({ dy }) => dy,
});

interface Saved extends Record<string, Tensor> {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly mean: Tensor;
  readonly inverse: Tensor;
}

const layerNormOp = defineOp<readonly [Tensor, Tensor, Tensor], { readonly epsilon: number }, Saved>({
  name: "layerNorm",
  output: ([x, weight, bias]) => {
    const columns = x.shape[x.rank - 1];
    if (x.rank < 1 || weight.size !== columns || bias.size !== columns) {
      const found = [x, weight, bias].map(({ shape }) => formatShape(shape)).join(", ");
      throw new ShapeError(`layerNorm: expected x [..., C], weight [C] and bias [C] but found ${found}`);
    }
    return { shape: x.shape };
  },
  run: ({ inputs: [x, weight, bias], options, output }) => {
    const columns = weight.size;
    const rows = x.size / columns;
    const extra = { mean: x.empty([rows, 1]), inverse: x.empty([rows, 1]) };
    const over = [rows, columns];
    const scalars = { share: 1 / columns, epsilon: options.epsilon };
    forward.launch(over, { x: x.alias(over), weight, bias, y: output, ...extra, ...scalars });
    return extra;
  },
  save: ({ inputs: [x, weight], extra: { mean, inverse } }) => ({ x, weight, mean, inverse }),
  gradient: ({ gradOutput, saved: { x, weight, mean, inverse }, needs, shapes: [shape] }) => {
    const columns = weight.size;
    const over = [sizeOf(shape) / columns, columns];
    const to = [1, columns];
    const [xRows, dy] = [x.alias(over), gradOutput.alias(over)];
    const gradX = needs[0] ? x.empty(shape) : undefined;
    if (gradX) backward.launch(over, { x: xRows, dy, mean, inverse, weight, dx: gradX, share: 1 / columns });
    const gradWeight = needs[1] && weightGradient.reduce({ over, to }, { x: xRows, dy, mean, inverse });
    const gradBias = needs[2] && biasGradient.reduce({ over, to }, { dy });
    return [
      gradX,
      gradWeight ? gradWeight.reshape([columns]) : undefined,
      gradBias ? gradBias.reshape([columns]) : undefined,
    ];
  },
});

/**
 * x [..., C] normalised over its last axis, times weight [C], plus bias [C]. Default epsilon: 1e-5.
 * @throws {ShapeError} where the shapes do not fit
 * @category Normalisation
 */
export const layerNorm = (
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias: Tensor },
  options: { readonly epsilon?: number } = {},
): Tensor => layerNormOp([x, parameters.weight, parameters.bias], { epsilon: options.epsilon ?? 1e-5 });
