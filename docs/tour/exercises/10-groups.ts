import { yours } from "./exercise.ts";

/**
 * How many groups of denoising queries there are: about `wanted` queries in all, near and far, for the image of the batch that
 * has the most objects; at least one group; one where no image has an object.
 */
export function groups(wanted: number, largest: number): number {
  return yours();
}
