import { yours } from "./exercise.ts";

/**
 * The sum of float32 numbers (round with Math.fround after each addition) by `threads` threads, with the same bits for any
 * number of threads: the values are cut into blocks of 4, whatever the number of threads; each block is summed from left to
 * right, and the blocks' sums from left to right. `run(thread)` is called for every thread, in any order, and sums its share
 * of the blocks.
 */
export function sum(
  values: Float32Array,
  threads: number,
  run: (work: (thread: number) => void) => void,
): number {
  return yours();
}
