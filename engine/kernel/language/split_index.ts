/** Taking the number of an item or a row apart. */

import type { Machine, Value } from "./machine.ts";

/** Splits a number into coordinates, the last size fastest; the first coordinate takes what is left. */
export function splitIndex(m: Machine, item: Value, sizes: readonly Value[]): Value[] {
  const coordinates: Value[] = [];
  let rest = item;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    coordinates[axis + 1] = m.rem(rest, sizes[axis]);
    rest = m.div(rest, sizes[axis]);
  }
  coordinates[0] = rest;
  return coordinates;
}
