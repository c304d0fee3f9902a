/**
 * One copy kernel for everything that moves elements without computing: the index of an element splits into coordinates,
 * which meet strides on both sides.
 */

import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { collapseDimensions, type Shape, sizeOf, stridesOf } from "../shape.ts";
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
    anyType: true,
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

/** A tensor as a copy walks it. */
export interface Side {
  readonly tensor: Tensor;
  /** The first element. */
  readonly base: number;
  /** How far on the next element is along each axis: any number, 0 and negative ones too. */
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

/** All of a tensor, in order. */
export const whole = (tensor: Tensor): Side => ({ tensor, base: 0, strides: stridesOf(tensor.shape) });
