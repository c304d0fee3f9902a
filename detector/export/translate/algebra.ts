/** Matrix products, reductions, and attention of every pair. */

import type { AttentionOptions } from "../../../engine/ops/attention.ts";
import { FORBIDDEN, type WindowAttentionOptions } from "../../../engine/ops/window_attention.ts";
import type { LinearOptions } from "../../../engine/ops/linear.ts";
import type { Value } from "../graph.ts";
import { type Call, type Translation, translation, untranslatable } from "./call.ts";

function linear(call: Call, { activation }: LinearOptions): Value {
  const { graph } = call;
  const product = graph.matmul(call.value(0), call.fold("transposed", [1], (weight) => weight.transpose()));
  const sum = call.has(2) ? graph.binary("Add", [product, call.value(2)]) : product;
  return activation === "relu" ? graph.unary("Relu", sum) : sum;
}

/** Over axes that stay, with size 1. */
const reduction = (operator: "ReduceMax" | "ReduceMin") =>
  translation<ReadonlySet<number>>(({ graph, value, shapes: [shape] }, axes) =>
    graph.node(operator, { inputs: [value(0)], attributes: { axes: [...axes], keepdims: 1 }, shape })
  );

const sum = translation<ReadonlySet<number>>(({ graph, value, shapes: [shape] }, axes) =>
  graph.node("ReduceSum", { inputs: [value(0), graph.integers([...axes])], attributes: { keepdims: 1 }, shape })
);

/** softmax(scale · q kᵀ + terms) v; q and v are [..., tokens, D], k is [..., D, tokens]. */
function attend({ graph }: Call, [q, k, v]: readonly Value[], terms: readonly Value[]): Value {
  const scale = 1 / Math.sqrt(q.shape[q.shape.length - 1]);
  const scores = graph.binary("Mul", [graph.matmul(q, k), scale]);
  return graph.matmul(graph.softmax(terms.reduce((total, term) => graph.binary("Add", [total, term]), scores)), v);
}

function attention(call: Call, { heads, mask, keyPadding, dropout }: AttentionOptions): Value {
  const { graph, shapes: [shape] } = call;
  if (mask ?? keyPadding ?? dropout) untranslatable(call, "a mask, padding or dropout");
  const [q, k, v] = [0, 1, 2].map((at) => {
    const x = call.value(at);
    const [batch, tokens, features] = x.shape;
    return graph.transpose(graph.reshape(x, [batch, tokens, heads, features / heads]), at === 1 ? KEYS : OTHERS);
  });
  return graph.reshape(graph.transpose(attend(call, [q, k, v], []), OTHERS), shape);
}

/** Of [batch, tokens, heads, D]: queries and values are [batch, heads, tokens, D], keys have tokens last. */
const OTHERS = [0, 2, 1, 3], KEYS = [0, 2, 3, 1];

function windowAttention(call: Call, { heads }: WindowAttentionOptions): Value {
  const { graph, shapes: [shape] } = call;
  const [windows, pixels, features] = shape;
  const packed = graph.reshape(call.value(0), [windows, pixels, 3, heads, features / heads]);
  const parts = graph.split(packed, { axis: 2, sizes: [1, 1, 1] }).map((part, at) =>
    graph.transpose(graph.reshape(part, [windows, pixels, heads, features / heads]), at === 1 ? KEYS : OTHERS)
  );
  const apart = call.has(2)
    ? [call.fold("apart", [2], (regions) => {
      const differ = regions.reshape([windows, pixels, 1]).ne(regions.reshape([windows, 1, pixels]));
      return differ.mul(FORBIDDEN).reshape([windows, 1, pixels, pixels]);
    })]
    : [];
  return graph.reshape(graph.transpose(attend(call, parts, [call.value(1), ...apart]), OTHERS), shape);
}

export const ALGEBRA: Readonly<Record<string, Translation>> = {
  linear: translation(linear),
  matmul: ({ graph, value }) => graph.matmul(value(0), value(1)),
  softmax: ({ graph, value }) => graph.softmax(value(0)),
  sum,
  max: reduction("ReduceMax"),
  min: reduction("ReduceMin"),
  attention: translation(attention),
  windowAttention: translation(windowAttention),
};
