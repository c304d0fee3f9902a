import { yours } from "./exercise.ts";

/**
 * How many pixels of the input one feature sees along an axis, behind convolutions in the given order. Without any it is the
 * pixel itself. (Padding does not change it, nor does it matter at the border.)
 */
export function receptiveField(layers: readonly { kernel: number; stride: number }[]): number {
  return yours();
}
