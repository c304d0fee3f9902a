/**
 * The sigmoid focal loss (Lin et al., arXiv:1708.02002), summed over all queries and classes in one kernel: the logits are
 * read once and no one-hot target is made. Its gradient is derived from the same expression.
 */

import { derivatives } from "../../engine/kernel/language/derivative.ts";
import { constant, type Expr, input, scalar, select } from "../../engine/kernel/language/expr.ts";
import { defineOp } from "../../engine/op.ts";
import { PointwiseKernel } from "../../engine/ops/pointwise_kernel.ts";
import { reduceTo, Reduction } from "../../engine/ops/reduce.ts";
import type { Tensor } from "../../engine/tensor.ts";

export interface FocalOptions {
  /** The weight of positives; 1 - alpha is that of negatives. Below 0: neither is weighted. */
  readonly alpha: number;
}

/** log(1 + e^-|x|) + max(x, 0) - x·t: the cross entropy of a logit against t, with neither tail overflowing. */
const crossEntropy = (x: Expr, isTarget: Expr) => x.max(0).sub(x.mul(isTarget)).add(x.abs().neg().exp().add(1).log());

/** -α_t (1 - p_t)² log p_t. The weights of positives and negatives are scalars 0 and 1. */
function focal(x: Expr, isTarget: Expr): Expr {
  const p = x.sigmoid();
  const missed = p.add(isTarget).sub(p.mul(isTarget).mul(2)); // 1 - p_t
  const weight = isTarget.mul(scalar(0)).add(constant(1).sub(isTarget).mul(scalar(1)));
  return crossEntropy(x, isTarget).mul(missed).mul(missed).mul(weight);
}

/** Inputs: logits, the query's class, the class of the column. Equal where they differ by less than a half. */
const value = focal(input(0), select(input(1).sub(input(2)).abs().lt(0.5), 1, 0));
const total = new Reduction("focal_loss", "sum", value, 2);
const gradientKernel = new PointwiseKernel("focal_loss_gradient", [
  { per: "element", value: derivatives(value, [0], input(3))[0] },
], 2);

type Inputs = readonly [logits: Tensor, target: Tensor, classes: Tensor];
interface Saved extends Record<string, Tensor> {
  readonly logits: Tensor;
  readonly target: Tensor;
  readonly classes: Tensor;
}

const weights = ({ alpha }: FocalOptions) => alpha < 0 ? [1, 1] : [alpha, 1 - alpha];

const focalOp = defineOp<Inputs, FocalOptions, Saved>({
  name: "focal_loss",
  output: () => ({ shape: [1] }),
  run: ({ inputs, options, output }) => {
    const over = inputs[0].shape;
    const sum = reduceTo(total, inputs, { over, to: over.map(() => 1), scalars: weights(options) });
    output.device.copy({ from: sum.buffer, fromOffset: 0, to: output.buffer, toOffset: 0, length: 1 });
    sum.dispose();
  },
  save: ({ inputs: [logits, target, classes] }) => ({ logits, target, classes }),
  gradient: ({ gradOutput, saved: { logits, target, classes }, options, device }) => {
    const gradient = logits.empty(logits.shape);
    gradientKernel.launch(device, {
      shape: logits.shape,
      operands: [logits, target, classes, gradOutput],
      results: [gradient],
      scalars: weights(options),
    });
    return [gradient, undefined, undefined];
  },
});

/**
 * The sum of the loss over logits [N, queries, classes]: [1].
 * @param target [N, queries, 1]: each query's class; `classes` where it has none
 * @param classes [classes]: 0, 1, 2, …
 */
export const focalLossSum = (
  logits: Tensor,
  { target, classes }: { readonly target: Tensor; readonly classes: Tensor },
  options: FocalOptions,
): Tensor => focalOp([logits, target, classes], options);
