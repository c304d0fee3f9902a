/** From the number of an item, a row or an element to coordinates, and back. */

import { ArgumentError } from "../../errors.ts";
import type { Int } from "./value.ts";

/**
 * Splits a number into coordinates, the last size fastest; the first coordinate takes what is left.
 *
 * @category Own operations
 */
export function splitIndex(index: Int, sizes: readonly (Int | number)[]): Int[] {
  const coordinates: Int[] = [];
  let rest = index;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    coordinates[axis + 1] = rest.rem(sizes[axis]);
    rest = rest.div(sizes[axis]);
  }
  coordinates[0] = rest;
  return coordinates;
}

/**
 * The number whose coordinates these are, given the size of every axis but the first (Horner's scheme):
 * `joinIndex(splitIndex(i, sizes), sizes)` is i.
 * @throws {ArgumentError} for another number of coordinates
 * @category Own operations
 */
export function joinIndex(coordinates: readonly Int[], sizes: readonly (Int | number)[]): Int {
  if (coordinates.length !== sizes.length + 1) {
    throw new ArgumentError(
      `joinIndex: expected one coordinate more than sizes but found ${coordinates.length} and ${sizes.length}`,
    );
  }
  return sizes.reduce<Int>((index, size, axis) => index.mul(size).add(coordinates[axis + 1]), coordinates[0]);
}
