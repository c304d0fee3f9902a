import { yours } from "./exercise.ts";

/** From (centre x, centre y, width, height) as shares of an image to (left, top, right, bottom) in its pixels. */
export function toPixels(box: readonly number[], image: { width: number; height: number }): number[] {
  return yours();
}

/** And back. */
export function toShares(corners: readonly number[], image: { width: number; height: number }): number[] {
  return yours();
}
