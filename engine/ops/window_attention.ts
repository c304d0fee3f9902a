/**
 * Attention within windows, with a learned bias for every pair of places (Liu et al., "Swin Transformer",
 * arXiv:2103.14030, equation 4). Its maps are the largest thing in such a network, so they are made for some windows at
 * a time and never kept: the gradient makes them again, at the price of one small product.
 */

import { ShapeError } from "../errors.ts";
import type { MatrixLayout } from "../device/device.ts";
import { constant, select } from "../kernel/language/expr.ts";
import { defineReduction } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { scoped } from "../scope.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { copyStrided } from "./strided_copy.ts";
import { softmaxOf, throughScaledSoftmax } from "./softmax.ts";

/**
 * Heads, and how much is computed at a time.
 *
 * @category Attention
 */
export interface WindowAttentionOptions {
  /** Parts into which features are split; divides them. */
  readonly heads: number;
  /** About how many elements of the maps exist at once. Default 2²²: in reach of a CPU's caches, enough for a GPU. */
  readonly mapElements?: number;
}

const MAP_ELEMENTS = 2 ** 22;

/** What the official code adds to a score that shall not count: far enough below others to vanish in a softmax. */
export const FORBIDDEN = -100;

/** The maps softmax(scale · scores + bias), written over the scores. */
const softmax = defineRows({
  name: "window_softmax",
  inputs: ["scores", "bias"],
  scalars: ["scale"],
  define: ({ scores, bias, scale }, row) => ({ scores: softmaxOf(scores.mul(scale).add(bias), "scores", row) }),
});

/** As `softmax`, less 100 where the query's region is not the key's. */
const softmaxWithin = defineRows({
  name: "window_softmax_regions",
  inputs: ["scores", "bias", "own", "others"],
  scalars: ["scale"],
  define: ({ scores, bias, own, others, scale }, row) => {
    const apart = constant(0).lt(own.sub(others).abs());
    const score = scores.mul(scale).add(bias).add(select(apart, FORBIDDEN, 0));
    return { scores: softmaxOf(score, "scores", row) };
  },
});

/** The bias is added after scaling, so its gradient takes the scale back. */
const biasGradient = defineReduction({
  name: "window_bias_gradient",
  op: "sum",
  inputs: ["gradScores"],
  scalars: ["back"],
  value: ({ gradScores, back }) => gradScores.mul(back),
});

/** All windows, or those of one round. */
interface Sizes {
  readonly windows: number;
  readonly heads: number;
  /** Pixels of a window: the square of its side. */
  readonly pixels: number;
  /** Of all heads together. */
  readonly features: number;
}

type Inputs = readonly [qkv: Tensor, bias: Tensor, regions: Tensor | undefined];

function sizesOf([qkv]: readonly [Tensor, ...unknown[]], heads: number): Sizes {
  const [windows, pixels, features] = qkv.shape;
  return { windows, heads, pixels, features: features / 3 };
}

const depthOf = ({ features, heads }: Sizes) => features / heads;

/** The windows of each round: from where, and how many. */
function* rounds(sizes: Sizes, mapElements = MAP_ELEMENTS): Generator<readonly [begin: number, count: number]> {
  const { windows, heads, pixels } = sizes;
  const most = Math.max(1, Math.floor(mapElements / (heads * pixels ** 2)));
  for (let begin = 0; begin < windows; begin += most) yield [begin, Math.min(most, windows - begin)];
}

/** Copies queries (part 0), keys (1) or values (2) of a round out of their common tensor. */
function take(packed: Tensor, { part, begin, sizes }: { part: number; begin: number; sizes: Sizes }): Tensor {
  const { windows, pixels, features } = sizes;
  const taken = packed.empty([windows, pixels, features]);
  copyStrided([windows * pixels, features], {
    tensor: packed,
    base: (begin * pixels * 3 + part) * features,
    strides: [3 * features, 1],
  }, { tensor: taken, base: 0, strides: [features, 1] });
  return taken;
}

/** The way back, for gradients. */
function put(packed: Tensor, values: Tensor, { part, begin, sizes }: { part: number; begin: number; sizes: Sizes }) {
  const { windows, pixels, features } = sizes;
  copyStrided([windows * pixels, features], { tensor: values, base: 0, strides: [features, 1] }, {
    tensor: packed,
    base: (begin * pixels * 3 + part) * features,
    strides: [3 * features, 1],
  });
}

/** Whole windows of a tensor [windows, ...]: a copy, or the tensor where it has no others. */
function windowsOf(x: Tensor, begin: number, count: number): Tensor {
  if (count === x.shape[0]) return x;
  const per = x.size / x.shape[0];
  const part = x.empty([count, ...x.shape.slice(1)]);
  x.device.copy({ from: x.buffer, fromOffset: begin * per, to: part.buffer, toOffset: 0, length: count * per });
  return part;
}

/** A factor of a product per window and head: pixels by depth, or a map; transposed by `flip`. */
interface Factor {
  readonly tensor: Tensor;
  readonly map?: boolean;
  readonly flip?: boolean;
}

function layoutOf({ map, flip }: Factor, sizes: Sizes): MatrixLayout {
  const { pixels, features, heads } = sizes;
  const row = map ? pixels : features;
  const [outer, inner] = map ? [heads * pixels ** 2, pixels ** 2] : [pixels * features, depthOf(sizes)];
  return flip ? { row: 1, column: row, outer, inner } : { row, column: 1, outer, inner };
}

/** a · b for every window and head. */
function product(a: Factor, b: Factor, { sizes, map = false }: { sizes: Sizes; map?: boolean }): Tensor {
  const { windows, heads, pixels, features } = sizes;
  const tensor = a.tensor.empty(map ? [windows, heads, pixels, pixels] : [windows, pixels, features]);
  tensor.device.matmul({
    ...{ m: pixels, n: map ? pixels : depthOf(sizes), k: map ? depthOf(sizes) : pixels },
    ...{ outerBatch: windows, innerBatch: heads },
    ...{ a: a.tensor.buffer, aLayout: layoutOf(a, sizes), b: b.tensor.buffer, bLayout: layoutOf(b, sizes) },
    ...{ out: tensor.buffer, outLayout: layoutOf({ tensor, map }, sizes) },
  });
  return tensor;
}

/** softmax(q kᵀ / √D + bias) of some windows, [windows, heads, pixels, pixels]. */
function attentionMap(
  { q, k, bias, regions }: { q: Tensor; k: Tensor; bias: Tensor; regions: Tensor | undefined },
  sizes: Sizes,
): Tensor {
  const { windows, pixels } = sizes;
  const map = product({ tensor: q }, { tensor: k, flip: true }, { sizes, map: true });
  const scale = 1 / Math.sqrt(depthOf(sizes));
  if (regions) {
    const [own, others] = [regions.alias([windows, 1, pixels, 1]), regions.alias([windows, 1, 1, pixels])];
    softmaxWithin.launch(map.shape, { scores: map, bias, own, others, scale });
  } else softmax.launch(map.shape, { scores: map, bias, scale });
  return map;
}

interface Saved extends Record<string, Tensor | undefined> {
  readonly qkv: Tensor;
  readonly bias: Tensor;
  readonly regions: Tensor | undefined;
}

const windowAttentionOp = defineOp<Inputs, WindowAttentionOptions, Saved>({
  name: "windowAttention",
  output: ([qkv, bias, regions], { heads }) => {
    const [windows, pixels, packed] = qkv.shape;
    const fits = qkv.rank === 3 && packed % (3 * heads) === 0 && bias.size === heads * pixels ** 2 &&
      (!regions || regions.size === windows * pixels);
    if (!fits) {
      const found = [qkv, bias, regions].flatMap((each) => each ? [formatShape(each.shape)] : []).join(", ");
      throw new ShapeError(
        `windowAttention: expected qkv [W, L, 3·C], bias [${heads}, L, L] and regions [W, L] with ${heads} heads ` +
          `but found ${found}`,
      );
    }
    return { shape: [windows, pixels, packed / 3] };
  },
  run: ({ inputs: [qkv, bias, regions], options: { heads, mapElements }, output, device }) => {
    const all = sizesOf([qkv], heads);
    for (const [begin, windows] of rounds(all, mapElements)) {
      scoped(() => {
        const sizes = { ...all, windows };
        const [q, k, v] = [0, 1, 2].map((part) => take(qkv, { part, begin, sizes }));
        const map = attentionMap({ q, k, bias, regions: regions && windowsOf(regions, begin, windows) }, sizes);
        const seen = product({ tensor: map, map: true }, { tensor: v }, { sizes });
        const toOffset = begin * all.pixels * all.features;
        device.copy({ from: seen.buffer, fromOffset: 0, to: output.buffer, toOffset, length: seen.size });
      });
    }
  },
  save: ({ inputs: [qkv, bias, regions] }) => ({ qkv, bias, regions }),
  gradient: ({ gradOutput, saved: { qkv, bias, regions }, options: { heads, mapElements }, needs }) => {
    const all = sizesOf([qkv], heads);
    const scale = 1 / Math.sqrt(depthOf(all));
    const gradQkv = needs[0] ? qkv.empty(qkv.shape) : undefined;
    const gradBias = needs[1] ? bias.empty(bias.shape).fill(0) : undefined;
    for (const [begin, windows] of rounds(all, mapElements)) {
      scoped(() => {
        const sizes = { ...all, windows };
        const [q, k, v] = [0, 1, 2].map((part) => take(qkv, { part, begin, sizes }));
        const map = attentionMap({ q, k, bias, regions: regions && windowsOf(regions, begin, windows) }, sizes);
        const dy = windowsOf(gradOutput, begin, windows);
        if (gradQkv) {
          put(gradQkv, product({ tensor: map, map: true, flip: true }, { tensor: dy }, { sizes }), {
            ...{ part: 2, begin, sizes },
          });
        }
        const scores = product({ tensor: dy }, { tensor: v, flip: true }, { sizes, map: true });
        throughScaledSoftmax(scores, { y: map, scale });
        if (gradBias) {
          const perWindow = heads * all.pixels ** 2;
          const over = [windows, perWindow];
          const sums = biasGradient.reduce({ over, to: [1, perWindow] }, {
            gradScores: scores.alias(over),
            back: 1 / scale,
          });
          gradBias.accumulate(sums.alias(bias.shape));
        }
        if (!gradQkv) return;
        put(gradQkv, product({ tensor: scores, map: true }, { tensor: k }, { sizes }), { part: 0, begin, sizes });
        put(gradQkv, product({ tensor: scores, map: true, flip: true }, { tensor: q }, { sizes }), {
          ...{ part: 1, begin, sizes },
        });
      });
    }
    return [gradQkv, gradBias, undefined];
  },
});

/**
 * qkv [W, L, 3·C]: per pixel of each window the queries, keys and values, each with the heads' features one after the
 * other; bias [heads, L, L]. Gives Σ_s softmax_s(q·k / √D + bias) v per window and head, [W, L, C]. Where `regions`
 * [W, L] differ, 100 is taken off the score, as in the official code.
 * @throws {ShapeError} where the shapes do not fit
 * @category Attention
 */
export const windowAttention = (
  qkv: Tensor,
  others: { readonly bias: Tensor; readonly regions?: Tensor },
  options: WindowAttentionOptions,
): Tensor => windowAttentionOp([qkv, others.bias, others.regions], options);
