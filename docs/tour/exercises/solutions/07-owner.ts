import type { Point } from "../07-owner.ts";

export function pixelGradient(points: readonly Point[], pixel: number): number {
  return points.reduce((sum, { x, gradient }) => sum + Math.max(0, 1 - Math.abs(x - pixel)) * gradient, 0);
}
