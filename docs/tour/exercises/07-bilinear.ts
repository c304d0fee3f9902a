import { yours } from "./exercise.ts";

/**
 * The value of a map between its pixels, (0, 0) being the middle of the first: the mean of the four around it by the areas of
 * the opposite rectangles. Pixels outside of the map are 0. `map` is [rows][columns].
 */
export function bilinear(map: readonly number[][], x: number, y: number): number {
  return yours();
}
