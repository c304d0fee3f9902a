import { yours } from "./exercise.ts";

/**
 * The strides of a row-major tensor: how many elements to go forward in memory for one step along each axis. A scalar has
 * none.
 */
export function stridesOf(shape: readonly number[]): number[] {
  return yours();
}
