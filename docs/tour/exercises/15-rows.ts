import { yours } from "./exercise.ts";

/**
 * Which rows of a class head carry over: pairs [row of the file, row of the model] for classes of the same name. `renamed` says
 * what classes of the file are called in the model. A class is its place in the list.
 */
export function carry(
  file: readonly string[],
  model: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): [number, number][] {
  return yours();
}
