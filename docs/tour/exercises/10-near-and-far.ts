import { yours } from "./exercise.ts";

/**
 * Where a corner's coordinate of a noised box comes to lie: `u` in [0, 1) and the sign (1 or -1) are drawn, `half` is half of
 * the box's width (or height). Near copies move by less than `scale` times half, far ones by once to twice that. The result
 * stays within 0..1.
 */
export function noised(
  corner: number,
  draw: { u: number; sign: 1 | -1; half: number; scale: number; far: boolean },
): number {
  return yours();
}
