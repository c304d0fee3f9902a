/**
 * A tensor as lines along one of its axes: [outer, length, inner]. Kernels whose items are lines go through them in order,
 * so that sums and choices have one order on every device and for any number of threads.
 */

import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { Int } from "../kernel/language/value.ts";
import { normalizeAxis, type Shape, sizeOf } from "../shape.ts";

/** The sizes around an axis. */
export interface Lines {
  /** The axis, 0..rank-1. */
  readonly axis: number;
  /** How many elements come before the axis, along it, and behind it. */
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/**
 * How a shape lies around one of its axes.
 * @throws {RangeError} for an axis out of range
 */
export function linesOf(op: string, shape: Shape, axis: number): Lines {
  const at = normalizeAxis(op, axis, shape.length);
  return { axis: at, outer: sizeOf(shape.slice(0, at)), length: shape[at], inner: sizeOf(shape.slice(at + 1)) };
}

/** The first element of line number `item`, and how to get to the others. */
export function lineAt(item: Int, length: Int, inner: Int): (place: Int) => Int {
  const [outer, column] = splitIndex(item, [inner]);
  const start = outer.mul(length).mul(inner).add(column);
  return (place) => start.add(place.mul(inner));
}
