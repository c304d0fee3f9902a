/**
 * The sigmoid focal loss (Lin et al., arXiv:1708.02002), summed over all queries and classes in one kernel: the logits are
 * read once and no one-hot target is made. Its gradient is derived from the same expression.
 */

import { derivative } from "../../engine/kernel/language/derivative.ts";
import { constant, type Expr, select } from "../../engine/kernel/language/expr.ts";
import { defineReduction } from "../../engine/launch/reduction.ts";
import { defineRows } from "../../engine/launch/rows.ts";
import { defineOp } from "../../engine/op.ts";
import type { Tensor } from "../../engine/tensor.ts";

interface FocalOptions {
  /** The weight of positives; 1 - alpha is that of negatives. Below 0: neither is weighted. */
  readonly alpha: number;
}

/** log(1 + e^-|x|) + max(x, 0) - x·t: the cross entropy of a logit against t, with neither tail overflowing. */
const crossEntropy = (x: Expr, isTarget: Expr) => x.max(0).sub(x.mul(isTarget)).add(x.abs().neg().exp().add(1).log());

type Operand = "logits" | "target" | "classes" | "positive" | "negative";

/**
 * -α_t (1 - p_t)² log p_t for the query's class (`target`) and the class of the column (`classes`), which are equal where they
 * differ by less than a half; `positive` and `negative` are the weights α_t.
 */
function focal({ logits, target, classes, positive, negative }: Readonly<Record<Operand, Expr>>): Expr {
  const isTarget = select(target.sub(classes).abs().lt(0.5), 1, 0);
  const p = logits.sigmoid();
  const missed = p.add(isTarget).sub(p.mul(isTarget).mul(2)); // 1 - p_t
  const weight = isTarget.mul(positive).add(constant(1).sub(isTarget).mul(negative));
  return crossEntropy(logits, isTarget).mul(missed).mul(missed).mul(weight);
}

const total = defineReduction({
  name: "focal_loss",
  op: "sum",
  inputs: ["logits", "target", "classes"],
  scalars: ["positive", "negative"],
  value: focal,
});
const gradientKernel = defineRows({
  name: "focal_loss_gradient",
  inputs: ["logits", "target", "classes", "dy"],
  scalars: ["positive", "negative"],
  define: ({ dy, ...operands }) => ({ gradient: derivative(focal(operands), operands.logits, dy) }),
});

type Inputs = readonly [logits: Tensor, target: Tensor, classes: Tensor];
interface Saved extends Record<string, Tensor> {
  readonly logits: Tensor;
  readonly target: Tensor;
  readonly classes: Tensor;
}

const alphas = ({ alpha }: FocalOptions) =>
  alpha < 0 ? { positive: 1, negative: 1 } : { positive: alpha, negative: 1 - alpha };

const focalOp = defineOp<Inputs, FocalOptions, Saved>({
  name: "focal_loss",
  output: () => ({ shape: [1] }),
  run: ({ inputs, options, output }) => {
    const over = inputs[0].shape;
    const [logits, target, classes] = inputs;
    const sum = total.reduce({ over, to: over.map(() => 1) }, { logits, target, classes, ...alphas(options) });
    output.device.copy({ from: sum.buffer, fromOffset: 0, to: output.buffer, toOffset: 0, length: 1 });
    sum.dispose();
  },
  save: ({ inputs: [logits, target, classes] }) => ({ logits, target, classes }),
  gradient: ({ gradOutput, saved: { logits, target, classes }, options }) => {
    const gradient = logits.empty(logits.shape);
    gradientKernel.launch(logits.shape, {
      ...{ logits, target, classes, dy: gradOutput, gradient },
      ...alphas(options),
    });
    return [gradient, undefined, undefined];
  },
});

const weightedTotal = defineReduction({
  name: "weighted_focal_loss",
  op: "sum",
  inputs: ["logits", "target", "classes", "weights"],
  scalars: ["positive", "negative"],
  value: ({ weights, positive, ...others }) => focal({ ...others, positive: positive.mul(weights) }),
});
const weightedGradientKernel = defineRows({
  name: "weighted_focal_loss_gradient",
  inputs: ["logits", "target", "classes", "weights", "dy"],
  scalars: ["positive", "negative"],
  define: ({ dy, weights, positive, ...others }) => ({
    gradient: derivative(focal({ ...others, positive: positive.mul(weights) }), others.logits, dy),
  }),
});

interface SavedWeighted extends Saved {
  readonly weights: Tensor;
}

const weightedFocalOp = defineOp<readonly [...Inputs, weights: Tensor], FocalOptions, SavedWeighted>({
  name: "weighted_focal_loss",
  output: () => ({ shape: [1] }),
  run: ({ inputs: [logits, target, classes, weights], options, output }) => {
    const over = logits.shape;
    const operands = { logits, target, classes, weights, ...alphas(options) };
    const sum = weightedTotal.reduce({ over, to: over.map(() => 1) }, operands);
    output.device.copy({ from: sum.buffer, fromOffset: 0, to: output.buffer, toOffset: 0, length: 1 });
    sum.dispose();
  },
  save: ({ inputs: [logits, target, classes, weights] }) => ({ logits, target, classes, weights }),
  gradient: ({ gradOutput, saved, options }) => {
    const gradient = saved.logits.empty(saved.logits.shape);
    weightedGradientKernel.launch(saved.logits.shape, { ...saved, dy: gradOutput, gradient, ...alphas(options) });
    return [gradient, undefined, undefined, undefined];
  },
});

/**
 * The sum of the loss over logits [N, queries, classes]: [1].
 * @param target [N, queries, 1]: each query's class; `classes` where it has none
 * @param classes [classes]: 0, 1, 2, …
 * @param weights [classes]: factors on what queries of a class lose for not being told as that class. Default: 1 each
 */
export const focalLossSum = (
  logits: Tensor,
  { target, classes, weights }: { readonly target: Tensor; readonly classes: Tensor; readonly weights?: Tensor },
  options: FocalOptions,
): Tensor =>
  weights ? weightedFocalOp([logits, target, classes, weights], options) : focalOp([logits, target, classes], options);
