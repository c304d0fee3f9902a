/** What files hold in messages: one line, bounded, and without characters that steer a terminal. */

import { describe } from "../engine/describe.ts";

const PLAIN_NAME = /^[\w.:/+-]{1,120}$/;

/** In quotation marks, with control and direction characters written as escapes, cut where it is long. */
export function quote(text: string): string {
  return describe(text);
}

/** A plain name, such as `posix.system` or `archive/data/0`, as it is; any other value as `describe` shows it. */
export function plainOrQuoted(value: unknown): string {
  return typeof value === "string" && PLAIN_NAME.test(value) ? value : describe(value);
}

/** A 32-bit word, such as a checksum, as eight hexadecimal digits. */
export function hex32(word: number): string {
  return word.toString(16).padStart(8, "0");
}
