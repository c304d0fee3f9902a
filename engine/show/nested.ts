/** Elements as lists within lists, one level per axis. */

import type { TensorData } from "../dtype.ts";
import type { Shape } from "../shape.ts";

/** Numbers in lists as deep as a tensor has axes; of a scalar, the number itself. */
export type NestedNumbers = number | NestedNumbers[];

/** The elements of a row-major tensor, nested by its shape. */
export function nest(data: TensorData, shape: Shape): NestedNumbers {
  let at = 0;
  const level = (axis: number): NestedNumbers =>
    axis === shape.length ? data[at++] : Array.from({ length: shape[axis] }, () => level(axis + 1));
  return level(0);
}
