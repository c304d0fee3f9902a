/** Looking at single pixels. */
import type { Image } from "../../detector/data/images/image.ts";

/** Colours that are further apart are different to the eye: the sum over the channels. */
export const COLOUR_DISTANCE = 60;

export function pixelAt({ width, data }: Image, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

export function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0);
}
