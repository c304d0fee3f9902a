import { yours } from "./exercise.ts";

/**
 * A counted random generator: number `counter` of stream `key`, in [0, 1), as a function of both alone. Make it of mixing: for a
 * 32-bit word, x ^= x >>> 16, x *= 0x7feb352d, x ^= x >>> 15, x *= 0x846ca68b, x ^= x >>> 16 (Math.imul multiplies). Mix the
 * key, add the counter times 0x9e3779b9, mix again, and divide by 2³².
 */
export function uniform(key: number, counter: number): number {
  return yours();
}
