/**
 * Text from strangers made harmless to look at. Names in files (classes, tensors, images, keys) may hold characters that a
 * terminal obeys: an escape sequence moves the cursor, changes the title or hides what came before, and a direction mark
 * makes a line read as another one (Boucher and Anderson, "Trojan Source", 2021). They are shown, never sent.
 */

/**
 * C0 and C1 controls with ESC, DEL and the line ends; marks of direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066
 * to U+2069); separators of lines and paragraphs; what has no shape of its own (U+200B, U+FEFF, annotation marks, half of a
 * pair). The joiners U+200C and U+200D stay: Persian and emoji are written with them.
 */
const STEERING =
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The same text on one line, with characters that steer a terminal as `\u001b`, or `\n`, `\r` and `\t`. */
export function visible(text: string): string {
  return text.replace(
    STEERING,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
