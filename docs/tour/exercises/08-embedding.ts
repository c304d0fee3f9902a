import { yours } from "./exercise.ts";

/**
 * The sine embedding of a coordinate in 0..1: `features` numbers, sin and cos in turn, of 2πc / T^(2⌊i/2⌋ / features) with the
 * temperature T.
 */
export function embed(coordinate: number, features: number, temperature = 10000): number[] {
  return yours();
}
