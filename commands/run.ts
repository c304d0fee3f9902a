/**
 * Runs one command line from arguments to exit code. Every failure a user can cause becomes one line and its code; only
 * DINOGRAD_DEBUG=1 shows where in the code it came from.
 */
import { Command, CommanderError } from "commander";
import { fileError } from "../platform/reasons.ts";
import { didYouMean } from "../detector/config/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { VERSION } from "../engine/version.ts";
import { givenFlags } from "./shared/command.ts";
import { environment } from "../platform/environment.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { print, printLines, unwrittenOutput } from "./shared/output.ts";
import { watchForStop } from "./shared/stop.ts";
import { Terminal } from "./shared/terminal.ts";
import { explainError, explainUsage } from "./shared/usage.ts";
import { VERBS } from "./verbs.ts";

/** Parses and does one command line; resolves to its exit code and never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    return report(error, args[0] ?? "");
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [first, second] = args;
  const asksForHelp = first === "--help" || first === "-h" || first === "help";
  const isForVerb = asksForHelp && second !== undefined && !second.startsWith("-");
  const [name, ...rest] = isForVerb ? [second, "--help"] : args; // `help train` is `train --help`
  if (name === undefined || (asksForHelp && !isForVerb)) {
    printLines("stdout", overview());
    return name === undefined ? EXIT_CODES.usage : 0;
  }
  if (name === "--version" || name === "-V") {
    print("stdout", VERSION);
    return 0;
  }
  if (!Object.hasOwn(VERBS, name)) {
    const known = Object.keys(VERBS);
    throw new DinogradError(
      "usage",
      `expected a verb (${known.join(", ")}) but found ${name}${didYouMean(name, [...known, "--help", "--version"])}`,
    );
  }
  const verb = await VERBS[name].load();
  const command = new Command(name)
    .description(VERBS[name].about)
    .exitOverride()
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: () => {}, writeOut: (text) => printLines("stdout", text.trimEnd()) });
  verb.define(command);
  explainUsage(command);
  try {
    command.parse([...rest], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0; // help was shown
    throw new DinogradError("usage", `${name}: ${explainError(error, { command, args: rest })}`);
  }
  const flags = command.opts();
  using stop = watchForStop({ busy: verb.keepsBusy });
  const terminal = new Terminal({ json: flags.json === true, stop: stop.signal });
  const code = (await verb.run({ args: command.args, flags, terminal, given: givenFlags(command) })) ?? 0;
  const unwritten = unwrittenOutput();
  if (unwritten !== undefined && code === 0) {
    throw fileError("data", { place: name, task: "write all of the output", cause: unwritten });
  }
  return code;
}

function overview(): string {
  const width = Math.max(...Object.keys(VERBS).map((name) => name.length));
  const lines = Object.entries(VERBS).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return [
    `dinograd ${VERSION}: DINO object detection`,
    "",
    "deno run -A cli.ts VERB [flags]",
    "",
    ...lines,
    "",
    "VERB --help lists the flags of a verb.",
  ].join("\n");
}

/** Whether the JavaScript engine could not have the memory that was asked for: no defect, but a size in the settings. */
function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /allocation failed|could not allocate|out of memory/i.test(error.message);
}

/** Of errors that came while another was on its way, such as in closing what failed: the one that it began with. */
function firstOf(error: unknown): unknown {
  return error instanceof SuppressedError ? firstOf(error.suppressed) : error;
}

/** Prints an error as one line; returns the exit code. */
export function report(thrown: unknown, verb: string): number {
  const error = firstOf(thrown);
  const known = error instanceof DinogradError;
  print("stderr", `dinograd: ${known ? error.message.replaceAll(/\s*\n\s*/g, " ") : describeDefect(error, verb)}`);
  if (environment("DINOGRAD_DEBUG") === "1") printLines("stderr", Deno.inspect(error));
  return known ? EXIT_CODES[error.kind] : 1;
}

function describeDefect(error: unknown, verb: string): string {
  const message = error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
  if (isOutOfMemory(error)) {
    return `${
      verb ? `${verb}: ` : ""
    }expected enough memory but found none left (${message}); smaller images, batches or ` +
      "models need less, and train --dry_run says how much";
  }
  // What was thrown in a worker comes as its text.
  const hint = error instanceof Deno.errors.NotCapable || /NotCapable|Requires \w+ access to /.test(message)
    ? "a permission is missing; docs/permissions.md lists what each verb needs, deno run -A gives all"
    : "this is a defect of dinograd; DINOGRAD_DEBUG=1 shows where";
  return `${verb ? `${verb}: ` : ""}${message} (${hint})`;
}
