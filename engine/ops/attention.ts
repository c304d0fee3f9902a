/**
 * Scaled dot-product attention with several heads (Vaswani et al., arXiv:1706.03762). Heads are read where they lie, by
 * strides, so nothing is permuted; scaling and masks are part of the softmax, which overwrites the scores.
 */

import { ShapeError } from "../errors.ts";
import type { MatrixLayout } from "../device/device.ts";
import { constant, type Expr, select } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { applyDropout, type DropoutNoise } from "./dropout.ts";
import { softmaxOf, throughScaledSoftmax } from "./softmax.ts";

/**
 * Heads and masks.
 *
 * @category Attention
 */
export interface AttentionOptions {
  /** Parts into which features are split; divides them. */
  readonly heads: number;
  /** [1, L, S] or [N·heads, L, S], 1 where query l may not see key s. */
  readonly mask?: Tensor;
  /** [N, S], 1 where nobody may see key s. */
  readonly keyPadding?: Tensor;
  /** Drops entries of the attention map. */
  readonly dropout?: DropoutNoise;
}

/** x, but -∞ where the mask is set. */
const unless = (mask: Expr, x: Expr): Expr => select(constant(0).lt(mask), -Infinity, x);

/** The maps softmax(scale · scores), written over the scores: by how many masks there are. */
const softmaxes = {
  plain: defineRows({
    name: "attention_softmax",
    inputs: ["scores"],
    scalars: ["scale"],
    define: ({ scores, scale }, row) => ({ scores: softmaxOf(scores.mul(scale), "scores", row) }),
  }),
  masked: defineRows({
    name: "attention_softmax_masked",
    inputs: ["scores", "mask"],
    scalars: ["scale"],
    define: ({ scores, mask, scale }, row) => ({ scores: softmaxOf(unless(mask, scores.mul(scale)), "scores", row) }),
  }),
  maskedTwice: defineRows({
    name: "attention_softmax_masked_twice",
    inputs: ["scores", "mask", "padding"],
    scalars: ["scale"],
    define: ({ scores, mask, padding, scale }, row) => ({
      scores: softmaxOf(unless(padding, unless(mask, scores.mul(scale))), "scores", row),
    }),
  }),
};

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly features: number;
}

function sizesOf([q, k]: readonly [Tensor, Tensor], heads: number): Sizes {
  return { batch: q.shape[0], heads, queries: q.shape[1], keys: k.shape[1], features: q.shape[2] };
}

/** A matrix of a batch and head; transposed by `flip`. */
interface Operand {
  readonly tensor: Tensor;
  /** `heads`: [N, tokens, heads · D]. `map`: [N, heads, L, S]. */
  readonly kind: "heads" | "map";
  readonly tokens: number;
  readonly flip?: boolean;
}

function layoutOf({ kind, tokens, flip }: Operand, { heads, features, keys }: Sizes): MatrixLayout {
  const depth = features / heads;
  const [row, column] = kind === "heads" ? [features, 1] : [keys, 1];
  const [outer, inner] = kind === "heads" ? [tokens * features, depth] : [heads * tokens * keys, tokens * keys];
  return flip ? { row: column, column: row, outer, inner } : { row, column, outer, inner };
}

/** out = a · b for every batch and head. */
function multiplyHeads(
  { a, b, out }: { readonly a: Operand; readonly b: Operand; readonly out: Operand },
  dimensions: { readonly m: number; readonly n: number; readonly k: number },
  sizes: Sizes,
): Tensor {
  out.tensor.device.matmul({
    ...dimensions,
    outerBatch: sizes.batch,
    innerBatch: sizes.heads,
    a: a.tensor.buffer,
    aLayout: layoutOf(a, sizes),
    b: b.tensor.buffer,
    bLayout: layoutOf(b, sizes),
    out: out.tensor.buffer,
    outLayout: layoutOf(out, sizes),
  });
  return out.tensor;
}

/** softmax(scale · q kᵀ), masked: [N, heads, L, S]. */
function attentionMap([q, k]: readonly [Tensor, Tensor], options: AttentionOptions, sizes: Sizes): Tensor {
  const { batch, heads, queries, keys, features } = sizes;
  const { mask, keyPadding } = options;
  const depth = features / heads;
  const map = q.empty([batch, heads, queries, keys]);
  multiplyHeads(
    {
      a: { tensor: q, kind: "heads", tokens: queries },
      b: { tensor: k, kind: "heads", tokens: keys, flip: true },
      out: { tensor: map, kind: "map", tokens: queries },
    },
    { m: queries, n: keys, k: depth },
    sizes,
  );
  const scale = 1 / Math.sqrt(depth);
  const masks = [
    mask?.alias(mask.shape[0] === 1 ? [1, 1, queries, keys] : [batch, heads, queries, keys]),
    keyPadding?.alias([batch, 1, 1, keys]),
  ].filter((each) => each !== undefined);
  const [first, second] = masks;
  if (second) softmaxes.maskedTwice.launch(map.shape, { scores: map, mask: first, padding: second, scale });
  else if (first) softmaxes.masked.launch(map.shape, { scores: map, mask: first, scale });
  else softmaxes.plain.launch(map.shape, { scores: map, scale });
  return map;
}

type Inputs = readonly [q: Tensor, k: Tensor, v: Tensor];
interface Saved extends Record<string, Tensor> {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly map: Tensor;
}

const attentionOp = defineOp<Inputs, AttentionOptions, Saved>({
  name: "attention",
  output: ([q, k, v], { heads, mask, keyPadding }) => {
    const [batch, queries, features] = q.shape;
    const keys = k.shape[1];
    const fits = [q, k, v].every(({ rank, shape }) => rank === 3 && shape[0] === batch && shape[2] === features) &&
      v.shape[1] === keys && features % heads === 0 &&
      (!mask || (mask.size === mask.shape[0] * queries * keys && [1, batch * heads].includes(mask.shape[0]))) &&
      (!keyPadding || keyPadding.size === batch * keys);
    if (!fits) {
      const found = [q, k, v, mask, keyPadding].flatMap((each) => each ? [formatShape(each.shape)] : []).join(", ");
      throw new ShapeError(
        `attention: expected q [N, L, C], k and v [N, S, C], a mask [1 or N·heads, L, S] and padding [N, S] with ` +
          `${heads} heads but found ${found}`,
      );
    }
    return { shape: q.shape };
  },
  run: ({ inputs: [q, k, v], options, output }) => {
    const sizes = sizesOf([q, k], options.heads);
    const { queries, keys, features, heads } = sizes;
    const map = attentionMap([q, k], options, sizes);
    multiplyHeads(
      {
        a: { tensor: options.dropout ? applyDropout(map, options.dropout) : map, kind: "map", tokens: queries },
        b: { tensor: v, kind: "heads", tokens: keys },
        out: { tensor: output, kind: "heads", tokens: queries },
      },
      { m: queries, n: features / heads, k: keys },
      sizes,
    );
    return { map };
  },
  save: ({ inputs: [q, k, v], extra: { map } }) => ({ q, k, v, map }),
  gradient: ({ gradOutput, saved: { q, k, v, map }, options: { heads, dropout }, needs }) => {
    const sizes = sizesOf([q, k], heads);
    const { queries, keys, features } = sizes;
    const depth = features / heads;
    const dy: Operand = { tensor: gradOutput, kind: "heads", tokens: queries };
    const ofMap = (tensor: Tensor, flip = false): Operand => ({ tensor, kind: "map", tokens: queries, flip });
    const ofKeys = (tensor: Tensor, flip = false): Operand => ({ tensor, kind: "heads", tokens: keys, flip });
    const gradV = needs[2]
      ? multiplyHeads(
        {
          a: ofMap(dropout ? applyDropout(map, dropout) : map, true),
          b: dy,
          out: ofKeys(v.empty(v.shape)),
        },
        { m: keys, n: depth, k: queries },
        sizes,
      )
      : undefined;
    if (!needs[0] && !needs[1]) return [undefined, undefined, gradV];
    const gradMap = multiplyHeads(
      { a: dy, b: ofKeys(v, true), out: ofMap(map.empty(map.shape)) },
      { m: queries, n: keys, k: depth },
      sizes,
    );
    const scores = dropout ? applyDropout(gradMap, dropout) : gradMap;
    throughScaledSoftmax(scores, { y: map, scale: 1 / Math.sqrt(depth) });
    const gradQ = needs[0]
      ? multiplyHeads(
        { a: ofMap(scores), b: ofKeys(k), out: { tensor: q.empty(q.shape), kind: "heads", tokens: queries } },
        { m: queries, n: depth, k: keys },
        sizes,
      )
      : undefined;
    const gradK = needs[1]
      ? multiplyHeads(
        { a: ofMap(scores, true), b: { tensor: q, kind: "heads", tokens: queries }, out: ofKeys(k.empty(k.shape)) },
        { m: keys, n: depth, k: queries },
        sizes,
      )
      : undefined;
    return [gradQ, gradK, gradV];
  },
});

/**
 * q [N, L, C], k and v [N, S, C], with C the heads' features one after the other: Σ_s softmax_s(q·k / √D) v per head,
 * [N, L, C]. A query that may see no key gives NaN, as in PyTorch.
 * @throws {ShapeError} where the shapes do not fit
 * @category Attention
 */
export const attention = (
  q: Tensor,
  others: { readonly k: Tensor; readonly v: Tensor },
  options: AttentionOptions,
): Tensor => attentionOp([q, others.k, others.v], options);
