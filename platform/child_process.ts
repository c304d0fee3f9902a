/**
 * Other programs, with pipes to and from them: what they print is read no faster than it is used, and what is written to
 * them waits until they take it, so that neither side piles up memory.
 */
import { builtinModule } from "./builtin_modules.ts";
import { DinogradError } from "./errors.ts";

/** A program that runs. */
export interface Program {
  /** Its standard output. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Writes to its standard input; resolves when there is room for more. False where it takes nothing any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Ends its standard input. */
  endInput(): void;
  /** Resolves when it has ended, with its exit code (null where a signal ended it) and the lines of its standard error. */
  readonly ended: Promise<{ readonly code: number | null; readonly errors: readonly string[] }>;
  /** Ends it. */
  kill(): void;
}

/** How many lines of standard error are kept: a damaged file may bring thousands. */
const MOST_LINES = 100;

/** The part of a stream of Node that is used. */
interface Output extends AsyncIterable<Uint8Array> {
  on(event: "data", listener: (bytes: Uint8Array) => void): void;
}
interface Input {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): boolean;
  end(): void;
  on(event: "error", listener: (error: Error) => void): void;
}
interface NodeChild {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  kill(signal: "SIGKILL"): void;
  once(event: "close", listener: (code: number | null) => void): void;
  once(event: "error", listener: (error: Error) => void): void;
}
interface NodeChildProcess {
  spawn(name: string, args: readonly string[], options: object): NodeChild;
}

/**
 * Starts a program that is found on the PATH; `remedy` is said where there is none. Ctrl-C in a terminal does not reach it: whoever started it ends it.
 * @throws {DinogradError} of kind "usage" where there are no other programs, or starting them is not permitted
 */
export function startProgram(
  name: string,
  args: readonly string[],
  { remedy }: { readonly remedy: string },
): Program {
  // What Node documents under that name.
  const node = builtinModule("node:child_process") as NodeChildProcess | null;
  if (node === null) throw new DinogradError("usage", `expected a platform that runs ${name} but found none`);
  let child: NodeChild;
  try {
    child = node.spawn(name, args, { stdio: ["pipe", "pipe", "pipe"], detached: true, windowsHide: true });
  } catch (cause) {
    throw notStarted(name, { remedy, cause });
  }
  const errors: string[] = [];
  let rest = "";
  const decoder = new TextDecoder();
  child.stderr.on("data", (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/[\r\n]+/);
    rest = (lines.pop() ?? "").slice(-2000);
    for (const line of lines) if (line !== "" && errors.length < MOST_LINES) errors.push(line);
  });
  const ended = new Promise<{ readonly code: number | null; readonly errors: readonly string[] }>((resolve, reject) => {
    child.once("error", (cause) => reject(notStarted(name, { remedy, cause })));
    child.once("close", (code) => resolve({ code, errors: rest === "" ? errors : [...errors, rest] }));
  });
  ended.catch(() => {}); // told to whoever waits for the end
  child.stdin.on("error", () => {}); // it has closed its input: `write` tells
  return {
    output: outputOf(child, ended),
    write: (bytes) => new Promise((resolve) => child.stdin.write(bytes, (error) => resolve(!error))),
    endInput: () => child.stdin.end(),
    ended,
    kill: () => child.kill("SIGKILL"),
  };
}

/** What it prints; where it could not be started, that is the error, and not that its pipe ended early. */
async function* outputOf({ stdout }: NodeChild, ended: Program["ended"]): AsyncGenerator<Uint8Array> {
  try {
    yield* stdout;
  } catch (error) {
    await ended;
    throw error;
  }
}

function notStarted(
  name: string,
  { remedy, cause }: { readonly remedy: string; readonly cause: unknown },
): DinogradError {
  const code = cause instanceof Error && "code" in cause ? cause.code : "";
  const message = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
  const isForbidden = code === "EACCES" || code === "EPERM" || /Requires \w+ access|NotCapable/.test(message);
  const found = isForbidden
    ? `it is not permitted (${message})`
    : code === "ENOENT"
    ? "there is none on the PATH"
    : message;
  return new DinogradError("usage", `expected to start ${name} but ${found}; ${remedy}`, { cause });
}
