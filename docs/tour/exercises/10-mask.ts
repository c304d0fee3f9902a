import { yours } from "./exercise.ts";

/**
 * Whether the query in row may see the query in column: the first `groups * groupSize` queries are denoising queries, group by
 * group, then come the ordinary ones.
 */
export function maySee(row: number, column: number, groups: number, groupSize: number): boolean {
  return yours();
}
