/** Runs the real command line in a process of its own. */
import { fromFileUrl } from "@std/path";

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

/** The one line of an expected failure, after a check that it is one line, that nothing else came and no stack. */
export function errorLine({ stdout, stderr }: CliResult): string {
  const lines = stderr.trimEnd().split("\n");
  if (lines.length !== 1 || stdout !== "" || /^\s+at /m.test(stderr)) {
    throw new Error(`expected one line of error and no output but found\n${stdout}\n${stderr}`);
  }
  return lines[0];
}
