/**
 * Ops that move elements without computing: reshape (shares the memory), permute, slice, concat, pad. All but the first are
 * copies along strides; `rearrange.ts` makes more of them.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import { defineOp, record } from "../op.ts";
import { formatShape, normalizeAxis, type Shape, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { copyStrided, type Side, whole } from "./strided_copy.ts";

/** A part of a tensor along an axis. */
interface Window {
  readonly axis: number;
  readonly begin: number;
}

/** The part of a tensor that starts at `begin` along an axis. */
const from = (tensor: Tensor, { axis, begin }: Window): Side => {
  const strides = stridesOf(tensor.shape);
  return { tensor, base: begin * strides[axis], strides };
};

/**
 * The same elements under another shape, on the same memory; at most one dimension is -1 and takes what is left.
 * @throws {ShapeError} where the shape has other elements
 * @category Layout
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, dimension) => dimension === -1 ? product : product * dimension, 1);
  const resolved = shape.map((dimension) => dimension === -1 ? x.size / known : dimension);
  if (sizeOf(resolved) !== x.size || !resolved.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(`reshape: expected ${x.size} elements but found ${formatShape(shape)}`);
  }
  const view = x.alias(resolved);
  const { shape: before } = x;
  record("reshape", { inputs: [x], output: view }, { rule: (gradOutput) => [gradOutput.alias(before)] });
  return view;
}

/** The strides that walk a tensor of this shape in the order of permuted axes. */
const permutedStrides = (shape: Shape, axes: readonly number[]) => {
  const strides = stridesOf(shape);
  return axes.map((axis) => strides[axis]);
};

function permuteInto(x: Tensor, axes: readonly number[], output: Tensor): Tensor {
  copyStrided(output.shape, { tensor: x, base: 0, strides: permutedStrides(x.shape, axes) }, whole(output));
  return output;
}

const permuteOp = defineOp<readonly [Tensor], readonly number[]>({
  name: "permute",
  takes: "any",
  output: ([x], axes) => ({ shape: axes.map((axis) => x.shape[axis]), dtype: x.dtype }),
  run: ({ inputs: [x], options: axes, output }) => void permuteInto(x, axes, output),
  gradient: ({ gradOutput, options: axes, shapes: [shape] }) => {
    const inverse = shape.map((_, axis) => axes.indexOf(axis));
    return [permuteInto(gradOutput, inverse, gradOutput.empty(shape))];
  },
});

/**
 * Axis i of the result is axis `axes[i]` of x.
 * @throws {ArgumentError} unless each axis is named once
 * @category Layout
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (normal.length !== x.rank || new Set(normal).size !== x.rank) {
    throw new ArgumentError(`permute: expected each of ${x.rank} axes once but found ${formatShape(axes)}`);
  }
  return permuteOp([x], normal);
}

/** Which element of a tensor comes first, and how far on the next is along each axis of the result. */
export interface Walk {
  readonly shape: Shape;
  readonly base: number;
  readonly strides: readonly number[];
}

const walkOp = defineOp<readonly [Tensor], Walk>({
  name: "slice",
  takes: "any",
  output: ([x], { shape }) => ({ shape, dtype: x.dtype }),
  run: ({ inputs: [x], options: { shape, base, strides }, output }) =>
    copyStrided(shape, { tensor: x, base, strides }, whole(output)),
  gradient: ({ gradOutput, options: { shape, base, strides }, shapes: [before] }) => {
    const gradient = gradOutput.empty(before).fill(0);
    copyStrided(shape, whole(gradOutput), { tensor: gradient, base, strides });
    return [gradient];
  },
});

/** The elements that a walk comes by, each at most once: the gradient goes the same way. */
export const walk = (x: Tensor, way: Walk): Tensor => walkOp([x], way);

/**
 * How a slice goes along its axis.
 *
 * @category Layout
 */
export interface SliceOptions {
  /** From one element to the next; negative to go backwards. Not 0. Default 1. */
  readonly step?: number;
}

/**
 * Elements begin … end-1 along an axis, or every `step`-th of them. Negative numbers count from the end of the axis. A
 * negative step goes from `begin` back to the element after `end`. Without `begin` and `end` a slice takes all.
 * @throws {RangeError} for a range that is not within the axis
 *
 * ```ts
 * import { createCpuDevice, slice, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [0, 1, 2, 3, 4]);
 * console.log(await slice(x, 0, -1, undefined, { step: -2 }).data()); // [ 4, 2, 0 ]
 * await device.destroy();
 * ```
 *
 * @category Layout
 */
export function slice(
  ...[x, axis, begin, end, options = {}]: [
    x: Tensor,
    axis: number,
    begin?: number,
    end?: number,
    options?: SliceOptions,
  ]
): Tensor {
  const at = normalizeAxis("slice", axis, x.rank);
  const size = x.shape[at];
  const { step = 1 } = options;
  if (!Number.isInteger(step) || step === 0) throw new ArgumentError(`slice: expected a whole step but found ${step}`);
  const fromEnd = (place: number) => place < 0 ? place + size : place;
  const backwards = step < 0;
  const first = begin === undefined ? (backwards ? size - 1 : 0) : fromEnd(begin);
  const last = end === undefined ? (backwards ? -1 : size) : fromEnd(end);
  const inside = backwards ? -1 <= last && last <= first && first < size : 0 <= first && first <= last && last <= size;
  if (!inside || !Number.isInteger(first) || !Number.isInteger(last)) {
    throw new ArgumentError(`slice: expected a range within 0..${size} but found ${begin ?? ""}..${end ?? ""}`);
  }
  const strides = stridesOf(x.shape);
  return walk(x, {
    shape: x.shape.with(at, Math.max(0, Math.ceil((last - first) / step))), // not -0
    base: first * strides[at],
    strides: strides.with(at, strides[at] * step),
  });
}

/** Where each part of a concatenation begins. */
const offsets = (shapes: readonly Shape[], axis: number) => {
  let next = 0;
  return shapes.map((shape) => (next += shape[axis]) - shape[axis]);
};

const concatOp = defineOp<readonly Tensor[], { readonly axis: number }>({
  name: "concat",
  takes: "same",
  output: (parts, { axis }) => {
    const [first] = parts;
    for (const part of parts) {
      if (part.rank !== first.rank || part.shape.some((d, at) => at !== axis && d !== first.shape[at])) {
        const found = parts.map(({ shape }) => formatShape(shape)).join(", ");
        throw new ShapeError(`concat: expected shapes that differ only along axis ${axis} but found ${found}`);
      }
    }
    const total = parts.reduce((sum, part) => sum + part.shape[axis], 0);
    return { shape: first.shape.map((dimension, at) => at === axis ? total : dimension), dtype: first.dtype };
  },
  run: ({ inputs: parts, options: { axis }, output }) => {
    const begins = offsets(parts.map(({ shape }) => shape), axis);
    parts.forEach((part, i) => copyStrided(part.shape, whole(part), from(output, { axis, begin: begins[i] })));
  },
  gradient: ({ gradOutput, options: { axis }, needs, shapes }) => {
    const begins = offsets(shapes, axis);
    return shapes.map((shape, i) => {
      if (!needs[i]) return undefined;
      const gradient = gradOutput.empty(shape);
      copyStrided(shape, from(gradOutput, { axis, begin: begins[i] }), whole(gradient));
      return gradient;
    });
  },
});

/**
 * Joins tensors along an axis.
 * @throws {ShapeError} where the shapes differ along another axis
 * @category Layout
 */
export const concat = (parts: readonly Tensor[], axis: number): Tensor =>
  concatOp(parts, { axis: normalizeAxis("concat", axis, parts[0]?.rank ?? 0) });

/**
 * Joins equally shaped tensors along a new axis.
 * @throws {ShapeError} where the shapes differ
 * @category Layout
 */
export const stack = (parts: readonly Tensor[], axis: number): Tensor => {
  const at = normalizeAxis("stack", axis, parts[0].rank + 1);
  return concat(parts.map((part) => reshape(part, [...part.shape.slice(0, at), 1, ...part.shape.slice(at)])), at);
};

export interface Padding {
  /** Zeros before and after, per axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The elements of a padded tensor that are not padding. */
const inside = (padded: Tensor, before: readonly number[]): Side => {
  const strides = stridesOf(padded.shape);
  return { tensor: padded, base: before.reduce((base, count, axis) => base + count * strides[axis], 0), strides };
};

const padOp = defineOp<readonly [Tensor], Padding>({
  name: "pad",
  takes: "any",
  output: ([x], { before, after }) => ({
    shape: x.shape.map((d, axis) => before[axis] + d + after[axis]),
    dtype: x.dtype,
  }),
  run: ({ inputs: [x], options: { before }, output }) => copyStrided(x.shape, whole(x), inside(output.fill(0), before)),
  gradient: ({ gradOutput, options: { before }, shapes: [shape] }) => {
    const gradient = gradOutput.empty(shape);
    copyStrided(shape, inside(gradOutput, before), whole(gradient));
    return [gradient];
  },
});

/**
 * Surrounds a tensor with zeros: `[before, after]` per axis.
 * @throws {ArgumentError} unless there are two whole numbers of at least 0 for each axis
 * @category Layout
 */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[]): Tensor {
  if (widths.length !== x.rank || widths.flat().some((width) => !Number.isInteger(width) || width < 0)) {
    const found = widths.map(formatShape).join(", ");
    throw new ArgumentError(
      `pad: expected two whole numbers of at least 0 for each of ${x.rank} axes but found ${found}`,
    );
  }
  return padOp([x], { before: widths.map(([before]) => before), after: widths.map(([, after]) => after) });
}
