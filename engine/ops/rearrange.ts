/**
 * Other orders and shapes of the same elements, in terms of `reshape`, `permute`, `concat` and copies along strides. Only
 * `transpose` of equal axes, `squeeze` and `unsqueeze` share the memory; everything else copies. Integers go through too.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import { plain } from "../launch/reduction.ts";
import { defineOp } from "../op.ts";
import {
  broadcastShapes,
  broadcastStrides,
  formatShape,
  normalizeAxis,
  sameShape,
  type Shape,
  stridesOf,
} from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { concat, permute, reshape, slice, walk } from "./layout.ts";
import { expand } from "./reduce.ts";
import { copyStrided, whole } from "./strided_copy.ts";

/** Axes, each in 0..rank-1 and once. */
function normalizeAxes(op: string, axes: number | readonly number[], rank: number): number[] {
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => normalizeAxis(op, axis, rank));
  if (new Set(list).size < list.length) {
    throw new ArgumentError(`${op}: expected each axis once but found ${formatShape(list)}`);
  }
  return list;
}

/**
 * x with two axes exchanged, by default the last two.
 * @category Layout
 */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const [a, b] = [first, second].map((axis) => normalizeAxis("transpose", axis, x.rank));
  const axes = x.shape.map((_, axis) => axis === a ? b : axis === b ? a : axis);
  return a === b ? x : permute(x, axes);
}

/**
 * x without some axes of size 1; by default without all of them.
 * @throws {RangeError} for an axis of another size
 * @category Layout
 */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const gone = axes === undefined
    ? x.shape.flatMap((dimension, axis) => dimension === 1 ? [axis] : [])
    : normalizeAxes("squeeze", axes, x.rank);
  const long = gone.find((axis) => x.shape[axis] !== 1);
  if (long !== undefined) {
    throw new ArgumentError(`squeeze: expected axis ${long} of size 1 but found ${formatShape(x.shape)}`);
  }
  return reshape(x, x.shape.filter((_, axis) => !gone.includes(axis)));
}

/**
 * x with a further axis of size 1, which is number `axis` of the result.
 * @throws {ArgumentError} for an axis that the result does not have
 * @category Layout
 */
export const unsqueeze = (x: Tensor, axis: number): Tensor =>
  reshape(x, x.shape.toSpliced(normalizeAxis("unsqueeze", axis, x.rank + 1), 0, 1));

/**
 * The part at one place of an axis, which disappears; a negative index counts from the end.
 * @throws {ArgumentError} for an index outside of the axis
 * @category Layout
 */
export function at(x: Tensor, axis: number, index: number): Tensor {
  const along = normalizeAxis("at", axis, x.rank);
  const size = x.shape[along];
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new ArgumentError(`at: expected an index in ${-size}..${size - 1} but found ${index}`);
  }
  const begin = index < 0 ? index + size : index;
  return reshape(slice(x, along, begin, begin + 1), x.shape.toSpliced(along, 1));
}

/**
 * x in parts along an axis: parts of one size, the last of which takes what is left, or of the given sizes.
 * @throws {RangeError} where the sizes do not add up to the axis
 * @category Layout
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const along = normalizeAxis("split", axis, x.rank);
  const size = x.shape[along];
  if (typeof sizes === "number" && !(Number.isInteger(sizes) && sizes > 0)) {
    throw new ArgumentError(`split: expected parts of at least one element but found ${sizes}`);
  }
  const parts = typeof sizes === "number"
    ? Array.from({ length: Math.max(1, Math.ceil(size / sizes)) }, (_, i) => Math.min(sizes, size - i * sizes))
    : sizes;
  if (parts.reduce((sum, part) => sum + part, 0) !== size) {
    throw new ShapeError(`split: expected parts of ${size} elements together but found ${formatShape(parts)}`);
  }
  let begin = 0;
  return parts.map((part) => slice(x, along, begin, begin += part));
}

/**
 * x with the order of its elements turned around along some axes, by default all.
 * @category Layout
 */
export function flip(x: Tensor, axes: number | readonly number[] = x.shape.map((_, axis) => axis)): Tensor {
  const turned = normalizeAxes("flip", axes, x.rank);
  const strides = stridesOf(x.shape);
  return walk(x, {
    shape: x.shape,
    base: turned.reduce((base, axis) => base + Math.max(0, x.shape[axis] - 1) * strides[axis], 0),
    strides: strides.map((stride, axis) => turned.includes(axis) ? -stride : stride),
  });
}

/**
 * x with its elements moved on by `shift` places along an axis; what leaves at one end enters at the other.
 * @throws {ArgumentError} for a shift that is no whole number
 * @category Layout
 */
export function roll(x: Tensor, shift: number, axis: number): Tensor {
  const along = normalizeAxis("roll", axis, x.rank);
  const size = x.shape[along];
  if (!Number.isInteger(shift)) throw new ArgumentError(`roll: expected whole places but found ${shift}`);
  const begin = size === 0 ? 0 : ((-shift % size) + size) % size;
  return begin === 0 ? x : concat([slice(x, along, begin), slice(x, along, 0, begin)], along);
}

const broadcastOp = defineOp<readonly [Tensor], Shape>({
  name: "broadcastTo",
  takes: "any",
  output: ([x], shape) => ({ shape, dtype: x.dtype }),
  run: ({ inputs: [x], options: shape, output }) => {
    if (x.dtype === "f32") expand.launch(shape, { x, y: output });
    else copyStrided(shape, { tensor: x, base: 0, strides: broadcastStrides(x.shape, shape) }, whole(output));
  },
  gradient: (
    { gradOutput, shapes: [shape] },
  ) => [plain.sum.reduce({ over: gradOutput.shape, to: shape }, [gradOutput])],
});

/**
 * x stretched to a shape, by NumPy's rules: axes of size 1, and axes that x does not have, in front. Arithmetic needs
 * no help, since it stretches its operands itself.
 * @throws {RangeError} where x does not stretch to the shape
 * @category Layout
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShapes("broadcastTo", [x.shape, shape]), shape)) {
    throw new ShapeError(
      `broadcastTo: expected a shape that ${formatShape(x.shape)} stretches to but found ${formatShape(shape)}`,
    );
  }
  return broadcastOp([x], [...shape]);
}

/**
 * Copies of x, one after the other, so many along each of the last axes: `tile(x, [2, 3])` of [h, w] is [2h, 3w].
 * @category Layout
 */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  const rank = Math.max(x.rank, counts.length);
  const shape = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const repeats = [...new Array<number>(rank - counts.length).fill(1), ...counts];
  const apart = reshape(x, shape.flatMap((dimension) => [1, dimension]));
  return reshape(
    broadcastTo(apart, shape.flatMap((dimension, axis) => [repeats[axis], dimension])),
    shape.map((dimension, axis) => repeats[axis] * dimension),
  );
}

/**
 * Each element `count` times in a row along an axis: [a, b] becomes [a, a, b, b].
 * @category Layout
 */
export function repeatInterleave(x: Tensor, count: number, axis: number): Tensor {
  const along = normalizeAxis("repeatInterleave", axis, x.rank);
  const apart = unsqueeze(x, along + 1);
  return reshape(
    broadcastTo(apart, apart.shape.with(along + 1, count)),
    x.shape.with(along, x.shape[along] * count),
  );
}
