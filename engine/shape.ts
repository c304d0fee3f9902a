/**
 * Shapes: row-major dimensions, their sizes, strides and broadcasting (NumPy's rules).
 */

import { describe } from "./describe.ts";
import { ArgumentError, ShapeError } from "./errors.ts";

/**
 * Sizes along the axes, outermost first: whole numbers of at least 0. [] is a scalar.
 *
 * @category Tensors
 */
export type Shape = readonly number[];

/** @throws {ShapeError} unless all sizes are whole numbers of at least 0 and the elements can be counted */
export function checkShape(what: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(`${what}: expected a list of sizes but found ${describe(shape)}`);
  let size = 1;
  for (const dimension of shape) {
    if (!Number.isInteger(dimension) || dimension < 0) {
      const found = describe(shape);
      throw new ShapeError(`${what}: expected sizes that are whole numbers of at least 0 but found ${found}`);
    }
    size *= dimension;
  }
  if (size <= Number.MAX_SAFE_INTEGER) return;
  throw new ShapeError(`${what}: expected fewer than 2^53 elements but found ${formatShape(shape)}`);
}

/**
 * How many elements a shape holds; 1 for a scalar.
 *
 * @category Tensors
 */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/**
 * Row-major strides in elements: `[2, 3, 4]` has `[12, 4, 1]`.
 *
 * @category Tensors
 */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Whether two shapes have the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/**
 * A shape as messages show it: `[2, 3]`.
 *
 * @category Tensors
 */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Turns an axis in -rank..rank-1 into 0..rank-1.
 * @throws {RangeError} that begins with `op`, for any other number
 * @category Tensors
 */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ArgumentError(`${op}: expected axis in ${-rank}..${rank - 1} but found ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/**
 * The common shape that all operands stretch to; a dimension of 1 (or a missing one) stretches.
 * @throws {RangeError} that begins with `op`, where there is none
 * @category Tensors
 */
export function broadcastShapes(op: string, shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const at = rank - shape.length + axis;
      if (shape[axis] === 1 || shape[axis] === result[at]) continue;
      if (result[at] !== 1) {
        throw new ShapeError(
          `${op}: expected shapes that broadcast together but found ${shapes.map(formatShape).join(" and ")}`,
        );
      }
      result[at] = shape[axis];
    }
  }
  return result;
}

/** Whether an operand stretches to a shape. */
export function broadcastsTo(shape: Shape, to: Shape): boolean {
  const lead = to.length - shape.length;
  return lead >= 0 && shape.every((dimension, axis) => dimension === 1 || dimension === to[lead + axis]);
}

/** Strides of an operand seen at the broadcast shape: 0 where it stretches. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape);
  return to.map((_, axis) => {
    const at = axis - (to.length - shape.length);
    return at < 0 || shape[at] === 1 ? 0 : own[at];
  });
}

/**
 * Merges neighbouring dimensions that every operand walks in one stride, so that kernels see as few as possible.
 * `strides[operand][axis]`; returns the merged dimensions (at least one) and strides.
 */
export function collapseDimensions(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { dimensions: number[]; strides: number[][] } {
  const dimensions: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue;
    const last = dimensions.length - 1;
    const mergeable = last >= 0 &&
      strides.every((stride, operand) => merged[operand][last] === stride[axis] * shape[axis]);
    if (mergeable) {
      dimensions[last] *= shape[axis];
      strides.forEach((stride, operand) => merged[operand][last] = stride[axis]);
    } else {
      dimensions.push(shape[axis]);
      strides.forEach((stride, operand) => merged[operand].push(stride[axis]));
    }
  }
  if (dimensions.length === 0) {
    dimensions.push(1);
    strides.forEach((_, operand) => merged[operand].push(0));
  }
  return { dimensions, strides: merged };
}
