import { yours } from "./exercise.ts";

/**
 * The assignment of least total cost, by trying all: `cost[query][object]`, with at least as many queries as objects. Gives the
 * query of each object. (For up to seven objects this is fine.)
 */
export function assign(cost: readonly number[][]): number[] {
  return yours();
}
