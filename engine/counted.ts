/** Numbers with their nouns, as people say them, and the check that there are as many things as a call needs. */

import { describe } from "./describe.ts";
import { OperandError } from "./errors.ts";

/** `1 finding`, `2 findings`; `plural` where an s is not enough. */
export function counted(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** @throws {OperandError} unless it is a list of so many: `expected 1 size but found 0` */
export function requireCount(
  what: string,
  list: ArrayLike<unknown>,
  { count, noun, plural }: { readonly count: number; readonly noun: string; readonly plural?: string },
): void {
  const found: unknown = list?.length; // a program without types may give anything
  if (found === count) return;
  throw new OperandError(`${what}: expected ${counted(count, noun, plural)} but found ${describe(found)}`);
}
