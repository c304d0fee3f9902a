import { yours } from "./exercise.ts";

/** One point of deformable attention on a map with a single row: where it looks (between pixels), and what flows back to it. */
export interface Point {
  x: number;
  gradient: number;
}

/**
 * What flows back to pixel `pixel` of a map of one row: the sum over all points, in their order, of the gradient times the
 * point's share of the pixel. This is what an item that owns the pixel computes, without writing to any other.
 */
export function pixelGradient(points: readonly Point[], pixel: number): number {
  return yours();
}
