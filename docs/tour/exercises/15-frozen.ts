import { yours } from "./exercise.ts";

/** The names of the parameters that are trained: those whose name contains none of the keywords. */
export function trained(names: readonly string[], frozen: readonly string[]): string[] {
  return yours();
}
