/**
 * The one place through which commands print. Whatever a line was made of (names in files, paths, values of a
 * configuration), characters that steer a terminal are shown instead of sent; only this program's own colours are not.
 */
import { visible } from "../../engine/visible.ts";

/** Where a line goes: results to standard output, everything else to standard error. */
type Stream = "stdout" | "stderr";

/** How a line looks on a terminal; makes escape sequences of its own out of harmless text. */
type Style = (text: string) => string;

export interface PrintOptions {
  /** Words of the program's own before the line, such as `warning: `. */
  readonly mark?: string;
  /** How the mark looks, or the whole line where there is none. */
  readonly style?: Style;
}

/** Escapes what a terminal would obey, and prints. */
export function print(stream: Stream, line: string, { mark = "", style = (text) => text }: PrintOptions = {}): void {
  const text = visible(line);
  write(Deno[stream], `${mark === "" ? style(text) : style(mark) + text}\n`);
}

/** Prints several lines of one text, such as a stack; a line end within is the program's own. */
export function printLines(stream: Stream, text: string): void {
  for (const line of text.split("\n")) print(stream, line);
}

/** A value as JSON on one line. Beyond what JSON must escape, so is everything that steers a terminal: it reads the same. */
export function printJson(value: unknown): void {
  print("stdout", JSON.stringify(value));
}

/** Empties the line of a terminal in which the cursor is, whoever wrote it; elsewhere nothing. */
export function clearLine(stream: Stream): void {
  if (Deno[stream].isTerminal()) write(Deno[stream], "\r\x1b[2K");
}

/** Makes the line of a terminal in which the cursor is the one to return to. */
export function returnHere(stream: Stream): void {
  if (Deno[stream].isTerminal()) write(Deno[stream], "\r\x1b7");
}

let unwritten: unknown;

/** Why standard output does not hold all that was printed, such as a full disk; undefined where it does. */
export function unwrittenOutput(): unknown {
  return unwritten;
}

/** Output that cannot be written ends no work, which comes first: the end of the command tells of it. */
function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return; // the reader, such as `head`, has seen enough
    if (stream === Deno.stdout) unwritten ??= error; // of standard error there is nowhere to tell
  }
}
