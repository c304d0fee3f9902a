import { yours } from "./exercise.ts";

/** The bias of a class head that makes every class have probability p at the start, where weights give 0. */
export function priorBias(p: number): number {
  return yours();
}
