import { yours } from "./exercise.ts";

/**
 * The gradient of a convolution with respect to its input: y = conv(x, w) with one channel, stride 1 and padding 0, so y is
 * smaller than x by kernel - 1. `dy` is what arrives at y, [rows - kernel + 1, columns - kernel + 1]; the result is [rows,
 * columns]. Matrices are arrays of rows.
 */
export function inputGradient(
  dy: readonly number[][],
  w: readonly number[][],
  rows: number,
  columns: number,
): number[][] {
  return yours();
}
