import { yours } from "./exercise.ts";

/** How many pixels a convolution's output has along an axis of `size` pixels. */
export function outputSize(
  size: number,
  window: { kernel: number; stride: number; padding: number; dilation: number },
): number {
  return yours();
}
