/**
 * What is fuzzed: a target makes hostile files and feeds them to one of the project's readers. And the rule that every
 * reader is held to: a result, or one `DinogradError` of its kind in one short line, within bounded time.
 */
import { DinogradError, type ErrorKind } from "../../engine/errors.ts";
import type { RandomStream } from "../../engine/random.ts";

/** A file that never touches the disk. */
export interface FuzzInput {
  /** The file's name, for readers that go by it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One reader and the files that are made for it. Register it in `targets.ts`. */
export interface FuzzTarget {
  /** As `--target` takes it; also its folder in `corpus/`. */
  readonly name: string;
  /** The next hostile file; the same numbers must make the same file, on every machine. */
  make(random: RandomStream): FuzzInput | Promise<FuzzInput>;
  /** Reads all of a file. What it may throw is a `DinogradError` of one of `kinds`; anything else is a finding. */
  read(input: FuzzInput): Promise<void>;
  /** How the reader may refuse. */
  readonly kinds: readonly ErrorKind[];
  /**
   * Least shares of its files, 0..1, that are refused and that are read: a target whose files are all refused at their
   * first byte, or all read, tests nothing. The bounded test holds it to them.
   */
  readonly shares: { readonly refused: number; readonly read: number };
}

/** Wall-clock time that one file may take, in ms; a sound one takes a few. */
export const SLOWEST = 5000;
/** Memory that a process which reads such files may ever have taken, in bytes. */
export const MOST_MEMORY = 1e9;
/** Characters of the longest message: a few paths and names, never a part of the file. */
const LONGEST_MESSAGE = 1000;

/**
 * Throws whatever a reader threw that is no refusal as it should be; for targets that read a file in several ways.
 * @throws Error
 */
export function checkRefusal({ kinds }: Pick<FuzzTarget, "kinds">, error: unknown): void {
  if (!(error instanceof DinogradError && kinds.includes(error.kind))) throw error;
  const { message } = error;
  if (/[\n\r]/.test(message)) throw new Error(`expected one line but found: ${message.slice(0, LONGEST_MESSAGE)}`);
  if (message.length > LONGEST_MESSAGE) {
    throw new Error(`expected a short message but found ${message.length} characters: ${message.slice(0, 200)}`);
  }
}

/**
 * Feeds a file to its reader. Returns what became of it.
 * @throws Error where the reader broke the rule
 */
export async function judge(target: FuzzTarget, input: FuzzInput): Promise<"read" | "refused"> {
  const start = performance.now();
  let outcome: "read" | "refused" = "read";
  try {
    await target.read(input);
  } catch (error) {
    checkRefusal(target, error);
    outcome = "refused";
  }
  const took = performance.now() - start;
  if (took > SLOWEST) throw new Error(`expected an end within ${SLOWEST} ms but found ${Math.round(took)}`);
  return outcome;
}
