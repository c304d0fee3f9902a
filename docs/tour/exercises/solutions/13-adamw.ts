import type { Moments } from "../13-adamw.ts";

export function adamw(
  value: number,
  { gradient, moments, rate, decay }: { gradient: number; moments: Moments; rate: number; decay: number },
): { value: number; moments: Moments } {
  const steps = moments.steps + 1;
  const m = 0.9 * moments.m + 0.1 * gradient;
  const v = 0.999 * moments.v + 0.001 * gradient ** 2;
  const step = m / (1 - 0.9 ** steps) / (Math.sqrt(v / (1 - 0.999 ** steps)) + 1e-8);
  return { value: value * (1 - rate * decay) - rate * step, moments: { m, v, steps } };
}
