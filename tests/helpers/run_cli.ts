/** Runs the real command line: in this process, or in one of its own. */
import { stub } from "@std/testing/mock";
import { fromFileUrl } from "@std/path";
import { runCommandLine } from "../../commands/run.ts";
import { watchMemory } from "./measured_memory.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

/** What the environment says of colours and stacks is not to decide a test. */
const ENVIRONMENT = { NO_COLOR: "1", DINOGRAD_DEBUG: "" };

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keeps what is printed, from here on until it is disposed of, and is no terminal. */
function listenTo(stream: "stdout" | "stderr"): Disposable & { readonly text: () => string } {
  const decoder = new TextDecoder();
  let text = "";
  const stubs = new DisposableStack();
  stubs.use(stub(Deno[stream], "isTerminal", () => false));
  stubs.use(stub(Deno[stream], "writeSync", (bytes: Uint8Array) => {
    text += decoder.decode(bytes, { stream: true });
    return bytes.length;
  }));
  return { text: () => text, [Symbol.dispose]: () => stubs.dispose() };
}

/**
 * `deno run -A cli.ts …args`, to its end, in this process, one at a time: everything from arguments to exit code. Starting a
 * process and warming it up takes longer than most verbs do. What a process adds (permissions, signals, a limit of
 * memory, standard input) is for `runProcess`; `hostile_names_test.ts` and `permissions_test.ts` run every verb so.
 */
export async function runCli(args: readonly string[]): Promise<CliResult> {
  for (const [name, value] of Object.entries(ENVIRONMENT)) Deno.env.set(name, value);
  using stdout = listenTo("stdout");
  using stderr = listenTo("stderr");
  const code = await runCommandLine(args);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** `deno run -A cli.ts …args`, to its end, in a process of its own. */
export async function runProcess(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return await resultOf(startProcess(args, env));
}

/** The same, with the most memory (bytes) that the process had; 0 where the system does not tell. */
export async function runProcessMeasured(args: readonly string[]): Promise<CliResult & { readonly memory: number }> {
  const child = startProcess(args);
  const watch = watchMemory(child.pid);
  return { ...await resultOf(child), memory: watch.finish() };
}

const startProcess = (args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    env: { ...ENVIRONMENT, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

async function resultOf(child: Deno.ChildProcess): Promise<CliResult> {
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The one line of an expected failure, after a check that it is one line, that nothing else came and no stack. */
export function errorLine({ stdout, stderr }: CliResult): string {
  const lines = stderr.trimEnd().split("\n");
  if (lines.length !== 1 || stdout !== "" || /^\s+at /m.test(stderr)) {
    throw new Error(`expected one line of error and no output but found\n${stdout}\n${stderr}`);
  }
  return lines[0];
}
