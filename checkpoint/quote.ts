/** Text from files in messages: one line, bounded, and without characters that steer a terminal. */

import { visible } from "../engine/visible.ts";

const LONGEST = 120;

/** In quotation marks, with control and direction characters written as escapes, cut where it is long. */
export function quote(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return visible(JSON.stringify(cut));
}

/** Bare where it is a plain name, such as `posix.system` or `archive/data/0`, else quoted. */
export function plainOrQuoted(text: string): string {
  return /^[\w.:/+-]{1,120}$/.test(text) ? text : quote(text);
}

/** A 32-bit word, such as a checksum, as eight hexadecimal digits. */
export function hex32(word: number): string {
  return word.toString(16).padStart(8, "0");
}
