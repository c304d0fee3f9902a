/**
 * Layer normalisation (Ba et al., arXiv:1607.06450): each row is shifted and scaled to mean 0 and variance 1, then by a
 * learned weight and bias per column. For normalisation over channels of images see `normalize_channels.ts`.
 */

import { input, reduced, scalar } from "../kernel/language/expr.ts";
import type { RowRecipe } from "../kernel/language/recipes.ts";
import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reduceTo, Reduction } from "./reduce.ts";
import { launchRowRecipe } from "./rows.ts";

export { batchNorm2d, type BatchNormOperands, groupNorm } from "./normalize_channels.ts";

/** Scalars: 1 / columns, epsilon. */
const mean = reduced("total").mul(scalar(0));
const inverseDeviation = reduced("squares").mul(scalar(0)).add(scalar(1)).sqrt().reciprocal();
const forward: RowRecipe = {
  kind: "row",
  name: "layer_norm",
  rank: 1,
  inputs: [1, 1, 1], // x, weight, bias
  scalars: 2,
  reductions: [
    { name: "total", op: "sum", value: input(0) },
    { name: "squares", op: "sum", value: input(0).sub(mean).square() },
  ],
  outputs: [
    { per: "element", value: input(0).sub(mean).mul(inverseDeviation).mul(input(1)).add(input(2)) },
    { per: "row", value: mean },
    { per: "row", value: inverseDeviation },
  ],
};

/** With x̂ = (x - μ) / σ and g = dy · weight: dx = (g - mean(g) - x̂ mean(g x̂)) / σ. */
const normed = input(0).sub(input(2)).mul(input(3));
const weighted = input(1).mul(input(4));
const backward: RowRecipe = {
  kind: "row",
  name: "layer_norm_gradient",
  rank: 1,
  inputs: [1, 1, 0, 0, 1], // x, dy, mean, 1/σ, weight
  scalars: 1,
  reductions: [
    { name: "total", op: "sum", value: weighted },
    { name: "dot", op: "sum", value: weighted.mul(normed) },
  ],
  outputs: [{
    per: "element",
    value: weighted.sub(reduced("total").mul(scalar(0))).sub(normed.mul(reduced("dot").mul(scalar(0)))).mul(input(3)),
  }],
};

const weightGradient = new Reduction("layer_norm_weight_gradient", "sum", normed.mul(input(1)));
const biasGradient = new Reduction("layer_norm_bias_gradient", "sum", input(0));

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
      throw new RangeError(`layerNorm: expected x [..., C], weight [C] and bias [C] but found ${found}`);
    }
    return { shape: x.shape };
  },
  run: ({ inputs: [x, weight, bias], options, output }) => {
    const columns = weight.size;
    const rows = x.size / columns;
    const extra = { mean: x.empty([rows, 1]), inverse: x.empty([rows, 1]) };
    launchRowRecipe(forward, {
      rows: [x],
      perColumn: [weight, bias],
      results: [output, extra.mean, extra.inverse],
      scalars: [1 / columns, options.epsilon],
    });
    return extra;
  },
  save: ({ inputs: [x, weight], extra: { mean, inverse } }) => ({ x, weight, mean, inverse }),
  gradient: ({ gradOutput, saved: { x, weight, mean, inverse }, needs, shapes: [shape] }) => {
    const columns = weight.size;
    const over = [sizeOf(shape) / columns, columns];
    const to = [1, columns];
    const rows = [x.alias(over), gradOutput.alias(over)];
    let gradX: Tensor | undefined;
    if (needs[0]) {
      gradX = x.empty(shape);
      launchRowRecipe(backward, {
        rows,
        perRow: [mean, inverse],
        perColumn: [weight],
        results: [gradX],
        scalars: [1 / columns],
      });
    }
    const gradWeight = needs[1] && reduceTo(weightGradient, [...rows, mean, inverse], { over, to });
    const gradBias = needs[2] && reduceTo(biasGradient, [rows[1]], { over, to });
    return [
      gradX,
      gradWeight ? gradWeight.reshape([columns]) : undefined,
      gradBias ? gradBias.reshape([columns]) : undefined,
    ];
  },
});

/** x [..., C] normalised over its last axis, times weight [C], plus bias [C]. Default epsilon: 1e-5. */
export const layerNorm = (
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias: Tensor },
  options: { readonly epsilon?: number } = {},
): Tensor => layerNormOp([x, parameters.weight, parameters.bias], { epsilon: options.epsilon ?? 1e-5 });
