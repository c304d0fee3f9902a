/**
 * Ops that move elements without computing: reshape (shares the memory), permute, slice, concat, pad. All but the
 * first are one strided copy kernel: the index of an element splits into coordinates, which meet strides on both sides.
 */

import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { defineOp, record } from "../op.ts";
import { collapseDimensions, formatShape, normalizeAxis, type Shape, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The names of a number per axis, such as `size0`, `size1`. */
const perAxis = <Name extends string>(name: Name, rank: number): `${Name}${number}`[] =>
  Array.from({ length: rank }, (_, axis) => `${name}${axis}` as const);

/** The numbers of a list under such names. */
const namedPerAxis = <Name extends string>(name: Name, values: readonly number[]) =>
  // `fromEntries` forgets what the names look like.
  Object.fromEntries(values.map((value, axis) => [`${name}${axis}`, value])) as Record<`${Name}${number}`, number>;

const AXIS_NUMBERS = ["size", "sourceStride", "targetStride"] as const;

/** One copy kernel per rank. An item is an element, or four neighbouring ones along the last axis. */
const copyKernel = memoize((rank: number) =>
  defineKernel({
    name: `copy_${rank}`,
    reads: { source: "f32" },
    writes: { target: "f32" },
    sizes: [
      ...["sourceBase", "targetBase"] as const,
      ...AXIS_NUMBERS.flatMap((name) => perAxis(name, rank)),
    ],
    vectors: true,
    body: (m, { item, source, target, sourceBase, targetBase, ...numbers }) => {
      const along = (name: typeof AXIS_NUMBERS[number]) => perAxis(name, rank).map((each) => numbers[each]);
      const coordinates = splitIndex(m.lanes === 4 ? item.mul(4) : item, along("size").slice(1));
      let [from, to] = [sourceBase, targetBase];
      const [sourceStrides, targetStrides] = [along("sourceStride"), along("targetStride")];
      for (let axis = rank - 1; axis >= 0; axis--) {
        from = from.add(coordinates[axis].mul(sourceStrides[axis]));
        to = to.add(coordinates[axis].mul(targetStrides[axis]));
      }
      target.store(to, source.loadVec(from));
    },
  })
);

interface Side {
  readonly tensor: Tensor;
  /** The first element. */
  readonly base: number;
  readonly strides: readonly number[];
}

/** target[base + i·strides] = source[base + i·strides] for all i in `shape`. Any dtype: elements are four bytes. */
export function copyStrided(shape: Shape, source: Side, target: Side): void {
  if (sizeOf(shape) === 0) return;
  const { dimensions, strides: [from, to] } = collapseDimensions(shape, [source.strides, target.strides]);
  const rank = dimensions.length;
  const last = rank - 1;
  if (rank === 1 && from[0] === 1 && to[0] === 1) {
    return source.tensor.device.copy({
      from: source.tensor.buffer,
      fromOffset: source.base,
      to: target.tensor.buffer,
      toOffset: target.base,
      length: dimensions[0],
    });
  }
  const aligned = from[last] === 1 && to[last] === 1 && dimensions[last] % 4 === 0 &&
    [source.base, target.base, ...from.slice(0, last), ...to.slice(0, last)].every((offset) => offset % 4 === 0);
  const lanes = aligned ? 4 : 1;
  copyKernel(rank).launch({
    ...{ source: source.tensor, target: target.tensor },
    ...namedPerAxis("size", dimensions),
    ...namedPerAxis("sourceStride", from),
    ...namedPerAxis("targetStride", to),
    ...{ sourceBase: source.base, targetBase: target.base },
    items: sizeOf(dimensions) / lanes,
    lanes,
  });
}

const whole = (tensor: Tensor): Side => ({ tensor, base: 0, strides: stridesOf(tensor.shape) });

interface Window {
  readonly axis: number;
  readonly begin: number;
}

/** The part of a tensor that starts at `begin` along an axis. */
const from = (tensor: Tensor, { axis, begin }: Window): Side => {
  const strides = stridesOf(tensor.shape);
  return { tensor, base: begin * strides[axis], strides };
};

/** The same elements under another shape, on the same memory; at most one dimension is -1 and takes what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, dimension) => dimension === -1 ? product : product * dimension, 1);
  const resolved = shape.map((dimension) => dimension === -1 ? x.size / known : dimension);
  if (sizeOf(resolved) !== x.size || !resolved.every(Number.isInteger)) {
    throw new RangeError(`reshape: expected ${x.size} elements but found ${formatShape(shape)}`);
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

/** Axis i of the result is axis `axes[i]` of x. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (normal.length !== x.rank || new Set(normal).size !== x.rank) {
    throw new RangeError(`permute: expected each of ${x.rank} axes once but found ${formatShape(axes)}`);
  }
  return permuteOp([x], normal);
}

const sliceOp = defineOp<readonly [Tensor], Window & { readonly end: number }>({
  name: "slice",
  takes: "any",
  output: ([x], { axis, begin, end }) => {
    if (!(0 <= begin && begin <= end && end <= x.shape[axis])) {
      throw new RangeError(`slice: expected a range within 0..${x.shape[axis]} but found ${begin}..${end}`);
    }
    return { shape: x.shape.map((dimension, at) => at === axis ? end - begin : dimension), dtype: x.dtype };
  },
  run: ({ inputs: [x], options, output }) => copyStrided(output.shape, from(x, options), whole(output)),
  gradient: ({ gradOutput, options, shapes: [shape] }) => {
    const gradient = gradOutput.empty(shape).fill(0);
    copyStrided(gradOutput.shape, whole(gradOutput), from(gradient, options));
    return [gradient];
  },
});

/** Elements begin … end-1 along an axis. */
export const slice = (x: Tensor, axis: number, begin: number, end: number): Tensor =>
  sliceOp([x], { axis: normalizeAxis("slice", axis, x.rank), begin, end });

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
        throw new RangeError(`concat: expected shapes that differ only along axis ${axis} but found ${found}`);
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

/** Joins tensors along an axis. */
export const concat = (parts: readonly Tensor[], axis: number): Tensor =>
  concatOp(parts, { axis: normalizeAxis("concat", axis, parts[0]?.rank ?? 0) });

/** Joins equally shaped tensors along a new axis. */
export const stack = (parts: readonly Tensor[], axis: number): Tensor => {
  const at = normalizeAxis("stack", axis, parts[0].rank + 1);
  return concat(parts.map((part) => reshape(part, [...part.shape.slice(0, at), 1, ...part.shape.slice(at)])), at);
};

interface Padding {
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

/** Surrounds a tensor with zeros: `[before, after]` per axis. */
export const pad = (x: Tensor, widths: readonly (readonly [number, number])[]): Tensor =>
  padOp([x], { before: widths.map(([before]) => before), after: widths.map(([, after]) => after) });
