/** Runs the real command line in a process of its own. */
import { fromFileUrl } from "@std/path";
import { watchMemory } from "./measured_memory.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `deno run -A cli.ts …args`, to its end. */
export async function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    env: { NO_COLOR: "1", DINOGRAD_DEBUG: "", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The same, with the most memory (bytes) that the process had; 0 where the system does not tell. */
export async function runCliMeasured(args: readonly string[]): Promise<CliResult & { readonly memory: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    env: { NO_COLOR: "1", DINOGRAD_DEBUG: "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const watch = watchMemory(child.pid);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), memory: watch.finish() };
}

/** The one line of an expected failure, after a check that it is one line, that nothing else came and no stack. */
export function errorLine({ stdout, stderr }: CliResult): string {
  const lines = stderr.trimEnd().split("\n");
  if (lines.length !== 1 || stdout !== "" || /^\s+at /m.test(stderr)) {
    throw new Error(`expected one line of error and no output but found\n${stdout}\n${stderr}`);
  }
  return lines[0];
}
