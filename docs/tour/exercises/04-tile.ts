import { yours } from "./exercise.ts";

/**
 * The tile of `rows` x `4 vectors` elements that does the most multiplications for each number that it loads, of all whose
 * sums, vectors of B and one vector for A fit the given number of vector registers at once. Each register holds four
 * numbers; a step along k loads `rows` numbers of A and `4 vectors` of B. Of equals, the one with the fewest rows.
 */
export function bestTile(registers: number): { rows: number; vectors: number } {
  return yours();
}
