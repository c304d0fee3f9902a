/** Elements as lists within lists, one level per axis. */

import type { TensorData } from "./dtype.ts";
import { ShapeError } from "./errors.ts";
import type { Shape } from "./shape.ts";

/**
 * Numbers in lists as deep as a tensor has axes; of a scalar, the number itself.
 *
 * @category Tensors
 */
export type NestedNumbers = number | NestedNumbers[];

/** The elements of a row-major tensor, nested by its shape. */
export function nest(data: TensorData, shape: Shape): NestedNumbers {
  let at = 0;
  const level = (axis: number): NestedNumbers =>
    axis === shape.length ? data[at++] : Array.from({ length: shape[axis] }, () => level(axis + 1));
  return level(0);
}

/**
 * A list of numbers, or of lists as deep as a tensor shall have axes.
 *
 * @category Tensors
 */
export type NestedList = readonly (number | NestedList)[];

/**
 * The elements of nested lists, row by row, and the shape that they have.
 * @throws {ShapeError} where lists beside each other differ in length, or stand beside numbers
 */
export function unnest(what: string, list: NestedList): { readonly elements: number[]; readonly shape: Shape } {
  const shape: number[] = [];
  for (let first: number | NestedList | undefined = list; Array.isArray(first); first = first[0]) {
    shape.push(first.length);
  }
  const elements: number[] = [];
  const visit = (item: number | NestedList, axis: number) => {
    const isList = Array.isArray(item);
    if (isList !== axis < shape.length || (isList && item.length !== shape[axis])) {
      const found = isList ? `a list of ${item.length}` : "a number";
      const expected = axis < shape.length ? `a list of ${shape[axis]}` : "a number";
      throw new ShapeError(`${what}: expected ${expected}, as before it, but found ${found}`);
    }
    if (isList) item.forEach((each) => visit(each, axis + 1));
    else elements.push(item as number); // checked where a tensor is made of it
  };
  visit(list, 0);
  return { elements, shape };
}
